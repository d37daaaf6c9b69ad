/** TensorBoard, started by the extension. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import type * as vscode from "vscode";
import type { Services } from "../../src/extension/commands/services.ts";
import { openInTensorBoard } from "../../src/extension/commands/tensorboard.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { openedAddresses } from "../support/fake-vscode.ts";

const folder = mkdtempSync(join(tmpdir(), "tensorboard-"));
const tree = resultTree(folder, "cells", 1);
mkdirSync(tree.tensorboard, { recursive: true });
const [companion, starts] = [join(folder, "companion.mjs"), join(folder, "starts")];
const subscriptions: vscode.Disposable[] = [];
after(() => {
  for (const each of subscriptions) each.dispose();
  rmSync(folder, { recursive: true });
});

test("two clicks at the same time start one TensorBoard", async () => {
  writeFileSync(
    companion,
    `import { appendFileSync } from "node:fs";
    appendFileSync(${JSON.stringify(starts)}, "started\\n");
    console.log("TensorBoard at http://localhost:6006/");
    process.stdin.resume().on("end", () => process.exit());`,
  );
  for (const name of ["tensorboard", "tensorboard.exe"]) writeFileSync(join(folder, name), "");
  process.env.PATH = [folder, process.env.PATH].join(delimiter);
  const run = { folder: { tree } };
  const services = {
    context: { asAbsolutePath: () => companion, subscriptions },
    runs: { ready: async () => {}, find: () => run },
  } as unknown as Services;
  await Promise.all([1, 2].map(() => openInTensorBoard(services, tree.runDirectory)));
  await openInTensorBoard(services, tree.runDirectory);
  assert.equal(readFileSync(starts, "utf8"), "started\n");
  assert.deepEqual(openedAddresses, Array(3).fill("http://localhost:6006/"));
});
