/** A folder that an attacker has filled, to reach the files and processes of the user who opens it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after } from "node:test";
import type { Frame } from "playwright-core";
import { newAddress } from "../../src/facts/lock/address.ts";
import { type Scenario, sampleWindow } from "./sample-window.ts";
import type { Workbench } from "./workbench.ts";

/** What the folder's files name outside of it. */
const outside = mkdtempSync(join(tmpdir(), "biapy-victim-"));
const VICTIM = join(outside, "victim.txt");
/** A socket in another folder, and one with a name of ours, which anybody can read in the folder of temporary files. */
const SOCKETS = { foreign: join(outside, basename(newAddress())), ours: newAddress() };
const connections = { foreign: 0, ours: 0 };

const record = {
  order: {
    configFile: "//192.0.2.1/share/a.yaml",
    resultDirectory: "//192.0.2.1/share",
    name: "cells",
    runId: 1,
    resume: false,
    gpu: "",
    workingDirectory: "//192.0.2.1/share",
  },
  engine: "embedded",
  queue: outside,
  command: { command: "touch", args: [join(outside, "started")], cwd: outside, output: "events" },
  stopSeconds: 1,
  created: 1,
  address: SOCKETS.ours,
};
const ofRun = (runId: number, change: object = {}) =>
  JSON.stringify({ ...record, order: { ...record.order, runId }, ...change });

const image = "//192.0.2.1/share/image.tif";
const EVENTS = [
  { event: "log", time: 1, level: "info", message: "a good line" },
  {
    event: "image",
    time: 2,
    kind: "mae-check",
    image: "image.tif",
    files: { original: image, masked: image },
  },
  { event: "checkpoint", time: 3, path: "../../../victim", kind: "best", epoch: 1 },
];

const records = "results/cells/.biapy-studio";
const FILES: Readonly<Record<string, string>> = {
  "hostile.biapy.yaml":
    "PROBLEM:\n    TYPE: SELF_SUPERVISED\nDATA:\n    TRAIN:\n        PATH: //192.0.2.1/share/images\nTRAIN:\n    ENABLE: True\n",
  [`${records}/cells_1/run.json`]: ofRun(1, { ended: { time: 5, status: "finished" } }),
  [`${records}/cells_1/events.jsonl`]: [
    "no JSON",
    "null",
    ...EVENTS.map((one) => JSON.stringify(one)),
    "{",
  ].join("\n"),
  [`${records}/cells_2/run.json`]: "null",
  [`${records}/cells_3/run.json`]: "{",
  [`${records}/cells_4/run.json`]: ofRun(4, { address: VICTIM }),
  [`${records}/cells_5/run.json`]: ofRun(5, { address: SOCKETS.foreign }),
  [`${records}/cells_6/run.json`]: ofRun(6, {
    order: { ...record.order, name: "../../../victim", runId: 6 },
  }),
  [`${records}/cells_7/run.json`]: ofRun(7),
  [`${records}/cells_7/events.jsonl`]: "[]\n",
  "results/cells/results/cells_8/train_logs/cells_8_log.jsonl": 'null\n{"epoch":"x"}\n',
  // Settings that lead to other folders.
  ".vscode/settings.json": JSON.stringify({
    "biapy.results.folders": [outside],
    "biapy.run.resultFolder": "//192.0.2.1/share",
    "biapy.engine": "biapy",
    "biapy.python.path": join(outside, "python"),
  }),
};

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
  rmSync(outside, { recursive: true, force: true });
});

/** Every file and folder with its kind, size, time and text. */
function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => {
      const found = lstatSync(join(folder, path));
      const text = found.isFile() && found.size < 10_000 ? readFileSync(join(folder, path), "utf8") : "";
      return [path, found.mode, found.isFile() ? found.size : 0, found.mtimeMs, text].join(" ");
    });
}

let folders: readonly string[] = [];
let before: readonly string[] = [];

async function prepare(folder: string): Promise<void> {
  writeFileSync(VICTIM, "precious");
  // A program that leaves a trace if it is run, and a job that only a setting names.
  writeFileSync(join(outside, "python"), `#!/bin/sh\ntouch ${join(outside, "started")}\n`, { mode: 0o755 });
  mkdirSync(join(outside, "elsewhere/.biapy-studio/elsewhere_1"), { recursive: true });
  const pipe = join(folder, records, "cells_9", "run.json");
  mkdirSync(dirname(pipe), { recursive: true });
  execFileSync("mkfifo", [pipe]);
  for (const which of ["foreign", "ours"] as const) {
    const server = createServer((socket) => {
      connections[which]++;
      socket.on("error", () => {}).end("no JSON\n");
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(SOCKETS[which], resolve));
  }
  folders = [folder, outside];
  before = folders.flatMap(listing);
}

/** Opens the folder in a window. */
export function hostileWindow(settings?: Readonly<Record<string, unknown>>): Scenario {
  return sampleWindow(FILES, { settings, prepare });
}

/**
 * Opens everything in the window that reads the folder, and checks that nothing in the folder or outside has changed.
 *
 * @param statuses status in the results browser of the runs whose records lie about their supervisor
 * @param aboutImage waits for the message about an image on another computer
 */
export async function lookAround(
  workbench: Workbench,
  statuses: Readonly<Record<"foreign" | "ours", RegExp>>,
  aboutImage: (panel: Frame) => Promise<unknown>,
): Promise<void> {
  const { page } = workbench;
  await workbench.command("BiaPy: Show Results");
  const row = (run: number) => page.locator(`.sidebar .monaco-list-row[aria-label^="cells, run ${run}, "]`);
  const damaged = [2, 3, 4, 6, 9].map((run) => [run, /damaged/] as const);
  for (const [run, status] of [
    ...damaged,
    [5, statuses.foreign],
    [7, statuses.ours],
    [8, /interrupted/],
  ] as const) {
    await row(run).waitFor();
    assert.match((await row(run).getAttribute("aria-label")) ?? "", status, `run ${run}`);
  }
  await workbench.screenshot("results");
  await workbench.fromMenu(row(1), "Open Training Panel");
  const panel = await workbench.panel();
  await panel.locator(".status", { hasText: "Finished" }).waitFor();
  await aboutImage(panel);
  await workbench.screenshot("panel");
  assert.equal(connections.foreign, 0);
  assert.deepEqual(folders.flatMap(listing), before);
}

/** Number of connections to the socket with a name of ours. */
export const connectionsToOurs = () => connections.ours;
