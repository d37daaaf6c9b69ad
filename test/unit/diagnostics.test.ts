/** Diagnostics of a configuration whose images are inspected while something else changes. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type * as vscode from "vscode";
import { ConfigurationDiagnostics } from "../../src/extension/language/diagnostics.ts";
import { imageChecks } from "../../src/extension/language/load-image-checks.ts";
import { settingChanges, settings, shownDiagnostics, textDocuments, Uri } from "../support/fake-vscode.ts";

const folder = mkdtempSync(join(tmpdir(), "diagnostics-"));
after(() => rmSync(folder, { recursive: true }));

/** Stands in for the thread that inspects images: it answers once a file is there, in order. */
const THREAD = `
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
const here = dirname(fileURLToPath(import.meta.url));
const problem = { severity: "error", key: "DATA.TRAIN.PATH", message: "An image is damaged." };
let before = Promise.resolve();
parentPort.on("message", ({ id, request }) => {
  before = before.then(async () => {
    while (!existsSync(join(here, "answer"))) await setTimeout(20);
    parentPort.postMessage({ id, kind: request.kind, value: request.kind === "check" ? [problem] : [] });
  });
});
`;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(20);
}

test("an inspection that ends after another engine was selected reports nothing", async () => {
  writeFileSync(join(folder, "thread.mjs"), THREAD);
  mkdirSync(join(folder, "images"));
  const text = `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: ${join(folder, "images")}
MODEL:
    ARCHITECTURE: mae
TRAIN:
    ENABLE: True
`;
  textDocuments.push({
    uri: Object.assign(Uri.file(join(folder, "a.biapy.yaml")), { scheme: "file" }),
    languageId: "biapy-yaml",
    version: 1,
    isClosed: false,
    getText: () => text,
  });
  const context = {
    asAbsolutePath: () => join(folder, "thread.mjs"),
    subscriptions: [],
  } as unknown as vscode.ExtensionContext;
  const thread = imageChecks(context);
  const asked: string[] = [];
  const check = thread.check.bind(thread);
  thread.check = (...request) => {
    asked.push(request[0]);
    return check(...request);
  };
  settings.set("biapy.engine", "embedded");
  const diagnostics = new ConfigurationDiagnostics(context);
  await until(() => asked.length === 1);
  settings.set("biapy.engine", "biapy");
  settingChanges.fire({ affectsConfiguration: () => true });
  writeFileSync(join(folder, "answer"), "");
  // Answered after the inspection. The thread does not keep this process alive, so this waits by timers.
  let answered = false;
  void thread.imageFolders(folder).then(() => {
    answered = true;
  });
  await until(() => answered);
  assert.deepEqual(
    shownDiagnostics.flat().filter((message) => message.includes("damaged")),
    [],
  );
  diagnostics.dispose();
  thread.dispose();
});
