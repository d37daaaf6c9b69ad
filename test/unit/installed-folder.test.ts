import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { installFolder, isInstalled } from "../../src/install/installed-folder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const fill = (temporary: string) => writeFile(join(temporary, "library"), "whole");

test("a folder gets its name only when it is complete", async () => {
  const parent = temporaryFolder();
  const folder = join(parent, "cuda");
  const made = await installFolder(folder, "1", async (temporary) => {
    await fill(temporary);
    assert.equal(existsSync(folder), false);
    assert.equal(isInstalled(temporary), false);
  });
  assert.equal(made, folder);
  assert.ok(isInstalled(folder));
  assert.equal(readFileSync(join(folder, "library"), "utf8"), "whole");
  assert.deepEqual(readdirSync(parent), ["cuda"]);
});

test("an installed folder is not downloaded again", async () => {
  const folder = join(temporaryFolder(), "cuda");
  await installFolder(folder, "1", fill);
  await installFolder(folder, "1", () => assert.fail("it is there already"));
});

test("an installation that fails leaves nothing, and can be tried again", async () => {
  const parent = temporaryFolder();
  const folder = join(parent, "cuda");
  const failing = async (temporary: string) => {
    await fill(temporary);
    throw new Error("the connection was lost");
  };
  await assert.rejects(installFolder(folder, "1", failing), /the connection was lost/);
  assert.deepEqual(readdirSync(parent), []);
  await installFolder(folder, "1", fill);
  assert.ok(isInstalled(folder));
});

test("a folder that another process installed meanwhile is kept", async () => {
  const parent = temporaryFolder();
  const folder = join(parent, "cuda");
  await installFolder(folder, "1", async (own) => {
    await writeFile(join(own, "library"), "own");
    await installFolder(folder, "1", fill);
  });
  assert.equal(readFileSync(join(folder, "library"), "utf8"), "whole");
  assert.deepEqual(readdirSync(parent), ["cuda"]);
});

test("an incomplete folder is replaced", async () => {
  const folder = join(temporaryFolder(), "cuda");
  mkdirSync(folder);
  writeFileSync(join(folder, "rest"), "");
  assert.equal(isInstalled(folder), false);
  await installFolder(folder, "1", fill);
  assert.deepEqual(readdirSync(folder).sort(), ["library", "ready"]);
});
