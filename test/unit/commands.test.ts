/** The commands that the extension registers are those that package.json contributes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import packageFile from "../../package.json" with { type: "json" };
import { COMMAND_IDS } from "../../src/extension/workspace/command-ids.ts";

const { contributes } = packageFile;

test("every contributed command has its id in the extension, and the other way round", () => {
  const contributed = contributes.commands.map(({ command }) => command).sort();
  assert.deepEqual([...COMMAND_IDS].sort(), contributed);
});

test("menus name commands that there are", () => {
  const ids: readonly string[] = COMMAND_IDS;
  for (const [menu, items] of Object.entries(contributes.menus))
    for (const { command } of items) assert.ok(ids.includes(command), `${menu}: ${command}`);
});
