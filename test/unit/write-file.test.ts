/** Writing files and folders so that they survive failures. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import {
  createDurableFolder,
  writeFileAtomically,
  writeThroughTemporary,
} from "../../src/facts/files/write-file.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("a folder with a relative path is made with its parents, even if the first name is one letter", async (context) => {
  const folder = temporaryFolder();
  const before = process.cwd();
  context.after(() => process.chdir(before));
  process.chdir(folder);
  await createDurableFolder("a");
  await createDurableFolder(join("b", "c"));
  assert.ok(existsSync(join(folder, "a")) && existsSync(join(folder, "b", "c")));
});

test("a file is replaced although a reader has it open for a while", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "record.json");
  await writeFileAtomically(path, "first");
  const reader = await open(path);
  const written = writeFileAtomically(path, "second");
  await setTimeout(200);
  await reader.close();
  await written;
  assert.equal(await readFile(path, "utf8"), "second");
  assert.deepEqual(await readdir(folder), ["record.json"]);
});

test("a write that fails keeps the old file, and leaves no temporary one", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "record.json");
  await writeFileAtomically(path, "first");
  const failure = new Error("the disk is full");
  const written = writeThroughTemporary(path, async (handle) => {
    await handle.writeFile("sec");
    throw failure;
  });
  await assert.rejects(written, (error) => error === failure);
  assert.equal(await readFile(path, "utf8"), "first");
  assert.deepEqual(await readdir(folder), ["record.json"]);
});

test("a file whose folder cannot be created is named with the reason", async () => {
  const file = join(temporaryFolder(), "file");
  await writeFile(file, "");
  await assert.rejects(writeFileAtomically(join(file, "record.json"), ""), {
    name: "ResultError",
    message: /record\.json could not be written: a file has the name of a folder/,
  });
});

test("a folder in which the system makes no other is refused, and not tried for ever", {
  skip: process.platform !== "linux" && "only Linux has /proc",
}, async () => {
  await assert.rejects(writeFileAtomically("/proc/results/job/a.txt", "text"), {
    name: "ResultError",
    message: "/proc/results/job/a.txt could not be written: the folder does not exist and cannot be created.",
  });
});
