/** The commands that the extension registers are those that package.json contributes, and are offered where they apply. */
import assert from "node:assert/strict";
import { test } from "node:test";
import packageFile from "../../package.json" with { type: "json" };
import { COMMAND_IDS } from "../../src/extension/workspace/command-ids.ts";
import { IMAGE_EXTENSIONS } from "../../src/images/files.ts";

const { contributes } = packageFile;

test("every contributed command has its id in the extension, and the other way round", () => {
  const contributed = contributes.commands.map(({ command }) => command).sort();
  assert.deepEqual([...COMMAND_IDS].sort(), contributed);
});

test("menus name commands that exist", () => {
  const ids: readonly string[] = COMMAND_IDS;
  for (const [menu, items] of Object.entries(contributes.menus))
    for (const { command } of items) assert.ok(ids.includes(command), `${menu}: ${command}`);
});

test("keys, welcome views and walkthroughs name commands that exist", () => {
  const ids: readonly string[] = COMMAND_IDS;
  const links = [...JSON.stringify(contributes).matchAll(/command:([\w.]+)/g)].map(([, id]) => id);
  assert.ok(links.length > 0);
  const named = [...links, ...contributes.keybindings.map(({ command }) => command)];
  assert.deepEqual(
    named.filter((id) => !ids.includes(id)),
    [],
  );
});

test("the explorer offers to view and inspect every kind of image, and no other file", () => {
  for (const id of ["biapy.viewImages", "biapy.inspectImages"]) {
    const item = contributes.menus["explorer/context"].find(({ command }) => command === id);
    const [, pattern] = /resourceFilename =~ \/(.+)\/i$/.exec(item?.when ?? "") ?? [];
    assert.ok(pattern !== undefined, id);
    const offered = (file: string) => new RegExp(pattern, "i").test(file);
    assert.deepEqual(
      IMAGE_EXTENSIONS.filter((each) => !offered(`a${each}`)),
      [],
      id,
    );
    assert.ok(offered("A.TIF"), id);
    assert.deepEqual(["a.yaml", "a.csv", "a.pth", "a.tiff.txt", "a.zip", "a"].filter(offered), [], id);
  }
});

test("every image that is a file opens in the image viewer", () => {
  const patterns = contributes.customEditors.flatMap(({ selector }) =>
    selector.map(({ filenamePattern }) => filenamePattern),
  );
  const files = IMAGE_EXTENSIONS.filter((each) => ![".zarr", ".n5"].includes(each));
  assert.deepEqual([...patterns].sort(), files.map((each) => `*${each}`).sort());
});
