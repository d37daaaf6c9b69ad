/** What a folder that is not trusted, and a page, cannot do. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type * as vscode from "vscode";
import packageFile from "../../package.json" with { type: "json" };
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { OfferedFiles } from "../../src/extension/panel/offered-files.ts";
import { configurationOf } from "../../src/extension/runs/known-run.ts";
import type { ResultFolders } from "../../src/extension/runs/result-folders.ts";
import { RunManager } from "../../src/extension/runs/run-manager.ts";
import { addFolder, compareImages } from "../../src/extension/table/actions.ts";
import { liesInside } from "../../src/facts/files/lies-inside.ts";
import { isNetworkPath, networkHost } from "../../src/facts/files/network-path.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { readNotes } from "../../src/runs/run-notes.ts";
import {
  answers,
  EventEmitter,
  openedPanels,
  shownMessages,
  Uri,
  workspace,
} from "../support/fake-vscode.ts";

test("no setting of a folder that is not trusted has an effect", () => {
  const { contributes, capabilities } = packageFile;
  assert.deepEqual(
    [...capabilities.untrustedWorkspaces.restrictedConfigurations].sort(),
    Object.keys(contributes.configuration.properties).sort(),
  );
});

test("a page may open the files that were offered to it, and no others", () => {
  const offered = new OfferedFiles();
  offered.offer("run", [
    { event: "image", time: 1, kind: "prediction", image: "a.tif", files: { prediction: "/r/a.tif" } },
    { event: "problems", time: 2, problems: [{ severity: "error", file: "/c.yaml", message: "M" }] },
    { event: "log", time: 3, level: "info", message: "/etc/passwd" },
  ]);
  for (const path of ["/r/a.tif", "/c.yaml"]) assert.equal(offered.runOf(path), "run");
  for (const path of ["/etc/passwd", "/r", "", "/r/../r/a.tif"]) assert.equal(offered.runOf(path), undefined);
});

test("paths on other computers are recognized however they are written", () => {
  for (const path of [
    "\\\\NAS\\data\\a",
    "//nas/data/a",
    "\\/nas\\a",
    "\\\\.\\pipe\\x",
    "\\\\?\\UNC\\nas\\a",
    "\\??\\UNC\\a",
  ])
    assert.ok(isNetworkPath(path), path);
  for (const path of ["/data/a", "C:\\data", "C:/data", "data", "", "../a"])
    assert.ok(!isNetworkPath(path), path);
  assert.equal(networkHost("\\\\NAS\\data\\a"), "nas");
  assert.equal(networkHost("C:\\data"), "");
});

// Here `//tmp` is `/tmp`; on Windows it would be another computer.
test("a run's record names no configuration on another computer", {
  skip: process.platform === "win32",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "record-"));
  const configFile = join(folder, "a.yaml");
  writeFileSync(configFile, "");
  const order = {
    resultDirectory: folder,
    name: "a",
    runId: 1,
    resume: false,
    gpu: "",
    workingDirectory: "",
  };
  const configuration = (file: string, resultDirectory = folder) =>
    configurationOf({ order: { ...order, configFile: file, resultDirectory } });
  assert.equal(configuration(configFile), configFile);
  assert.equal(configuration(`/${configFile}`), undefined);
  assert.equal(configuration(`/${configFile}`, `/${folder}`), `/${configFile}`);
  rmSync(folder, { recursive: true });
});

test("a file behind a link lies where the link leads", { skip: process.platform === "win32" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "inside-"));
  for (const name of ["job/results", "elsewhere"]) mkdirSync(join(folder, name), { recursive: true });
  symlinkSync(join(folder, "elsewhere"), join(folder, "job/checkpoints"));
  const job = join(folder, "job");
  assert.ok(liesInside(join(job, "results", "a"), job));
  assert.ok(liesInside(join(job, "checkpoints"), job), "the link itself");
  for (const path of ["checkpoints/a", "../elsewhere/a", "missing/a"])
    assert.ok(!liesInside(join(job, path), job), path);
  assert.ok(!liesInside(job, job));
  rmSync(folder, { recursive: true });
});

test("a configuration's paths on other computers are looked at only where the folder is trusted", () => {
  const text = `PROBLEM: {TYPE: SELF_SUPERVISED}
TRAIN: {ENABLE: True}
DATA:
  TRAIN: {PATH: //nas/none}
  PREPROCESS: {TRAIN: True, MATCH_HISTOGRAM: {ENABLE: True, REFERENCE_PATH: //nas/none}}
MODEL:
  SOURCE: bmz
  BMZ: {SOURCE_MODEL_ID: //nas/model.zip, EXPORT: {ENABLE: True, DOCUMENTATION: //nas/about.md}}
`;
  const { config } = loadConfig("a.yaml", text);
  const keys = [
    "DATA.TRAIN.PATH",
    "DATA.PREPROCESS.MATCH_HISTOGRAM.REFERENCE_PATH",
    "MODEL.BMZ.SOURCE_MODEL_ID",
    "MODEL.BMZ.EXPORT.DOCUMENTATION",
  ];
  const missing = (network: boolean) => {
    const found = new Set(checkConfig(config, "/", network).map(({ key }) => key));
    return keys.filter((key) => found.has(key));
  };
  assert.deepEqual(missing(false), []);
  assert.deepEqual(missing(true), keys);
});

test("comparing images opens none on another computer before the folder is trusted", async () => {
  const compared = async (folder: string) => {
    const path = `${folder}/a.tif`;
    const image = {
      event: "image",
      time: 1,
      kind: "prediction",
      image: "a.tif",
      files: { prediction: path },
    };
    const run = { summary: { name: "a", runId: 1 }, order: { resultDirectory: "/r", name: "a", runId: 1 } };
    const runs = { events: async () => [image], find: () => run } as unknown as RunManager;
    const before = openedPanels.length;
    // What the viewer reads from the extension's folder is not there.
    await compareImages(
      { asAbsolutePath: (file: string) => file, subscriptions: [] } as unknown as vscode.ExtensionContext,
      runs,
      ["1", "2"],
    ).catch(() => {});
    return openedPanels.length - before;
  };
  workspace.isTrusted = false;
  try {
    assert.equal(await compared("/local"), 1);
    shownMessages.splice(0);
    assert.equal(await compared("//elsewhere/share"), 0);
    assert.deepEqual(shownMessages, ["//elsewhere/share/a.tif is not shown: it is not on this computer."]);
  } finally {
    workspace.isTrusted = true;
  }
});

test("names and notes are written only once the folder is trusted", async () => {
  const place = { resultDirectory: mkdtempSync(join(tmpdir(), "notes-")), name: "a", runId: 1 };
  const { runDirectory, jobDirectory } = resultTree(place.resultDirectory, place.name, place.runId);
  mkdirSync(runDirectory, { recursive: true });
  const changes = new EventEmitter<readonly string[]>();
  const jobs = new Map([[jobDirectory, await runsOf(jobDirectory)]]);
  const runs = new RunManager(
    {} as vscode.ExtensionContext,
    {
      jobs,
      onDidChange: changes.event,
      onDidChangeEvents: new EventEmitter<string>().event,
    } as unknown as ResultFolders,
    [],
    Promise.resolve(),
    { error: assert.ifError } as unknown as vscode.LogOutputChannel,
  );
  changes.fire([jobDirectory]);
  await runs.ready();
  const written = async () => {
    await runs.annotate(runDirectory, { title: "", notes: "good", starred: true });
    return (await readNotes(place)).notes;
  };
  workspace.isTrusted = false;
  try {
    assert.equal(await written(), "");
  } finally {
    workspace.isTrusted = true;
  }
  assert.equal(await written(), "good");
  runs.dispose();
  rmSync(place.resultDirectory, { recursive: true });
});

test("a folder of results is added to the settings only of a trusted folder", async () => {
  let asked = 0;
  answers.openDialog = () => {
    asked++;
    return undefined;
  };
  Object.assign(workspace, { isTrusted: false, workspaceFolders: [{ uri: Uri.file("/open") }] });
  try {
    await addFolder();
    assert.equal(asked, 0);
    workspace.isTrusted = true;
    await addFolder();
    assert.equal(asked, 1);
  } finally {
    Object.assign(workspace, { isTrusted: true, workspaceFolders: undefined });
    answers.openDialog = () => undefined;
  }
});
