/** Records, events and sockets that another person put into a result folder. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { resumable } from "../../src/engines/run-configuration.ts";
import { readRowDetails } from "../../src/extension/table/row-details.ts";
import { DamagedFileError } from "../../src/facts/files/regular-file.ts";
import { removeAddress } from "../../src/facts/lock/address.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { LiveRun } from "../../src/runs/live-run.ts";
import { livingTickets, meets, takeTicket } from "../../src/runs/queue.ts";
import { type RecordFiles, type RunRecord, recordFilesOf } from "../../src/runs/record.ts";
import { bundleProgram, StartError, startRun } from "../../src/runs/start-run.ts";
import { runRecord } from "../support/run-record.ts";

const windows = process.platform === "win32";
/** Limit on a test that hangs. A slow machine takes a fraction of it. */
const HANGS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "hostile-"));
const servers: Server[] = [];
const runs: LiveRun[] = [];
after(() => {
  for (const run of runs) run.close();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

let jobs = 0;
const record = (): RunRecord =>
  runRecord(folder, { resultDirectory: join(folder, "results"), name: `job${++jobs}`, runId: 1 });

/** Puts a record's text where a run would have it. */
function place(text: string, { order }: RunRecord): RecordFiles {
  const files = recordFilesOf(order);
  mkdirSync(files.folder, { recursive: true });
  writeFileSync(files.record, text);
  return files;
}

const placed = (written: RunRecord) => place(JSON.stringify(written), written);

/** Opens a run as a window does. It records the events that it receives, and resolves `until` when a condition holds. */
async function open(files: RecordFiles, follow = true) {
  const received: RunEvent[] = [];
  let check = (_run: LiveRun) => {};
  const listener = {
    changed: (run: LiveRun) => check(run),
    received: (run: LiveRun, events: readonly RunEvent[]) => {
      received.push(...events);
      check(run);
    },
  };
  const run = await LiveRun.open(files, listener, follow);
  assert.ok(run !== undefined);
  runs.push(run);
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      check = () => condition() && resolve();
      check(run);
    });
  return { run, received, until };
}

/** Listens at an address. */
async function listener(address: string, connected: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {}).resume();
    connected(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(address, resolve));
}

/** Listens at an address. Returns a function that counts the connections up to its call. */
async function countConnections(address: string): Promise<() => Promise<number>> {
  let count = 0;
  await listener(address, (socket) => socket.write(String(++count)));
  return async () => {
    // The system keeps connections in order: when this one is answered, all earlier ones have been counted.
    const own = connect(address);
    const [place] = await once(own, "data");
    own.destroy();
    count--;
    return Number(place) - 1;
  };
}

test("only a socket of this program is connected to or removed", { skip: windows }, async () => {
  const ourName = () => `biapy-${randomBytes(12).toString("hex")}.sock`;
  const elsewhere = join(folder, ourName());
  const connections = await countConnections(elsewhere);
  const file = join(tmpdir(), ourName());
  const link = join(tmpdir(), ourName());
  const victim = join(folder, "victim");
  writeFileSync(victim, "precious");
  writeFileSync(file, "precious");
  symlinkSync(elsewhere, link);
  const aside = `${tmpdir()}/sub/../${ourName()}`;
  for (const address of [elsewhere, file, link, aside, `${folder}/../${ourName()}`]) {
    const { run } = await open(placed({ ...record(), address }));
    assert.equal(run.status, "interrupted", address);
    run.request("stop");
    run.close();
    await removeAddress(address);
  }
  assert.equal(await connections(), 0);
  assert.equal(readFileSync(file, "utf8"), "precious");
  for (const path of [elsewhere, link])
    assert.ok(lstatSync(path).isSocket() || lstatSync(path).isSymbolicLink());
  for (const path of [file, link]) rmSync(path);
  // Tickets of the queue are no exception.
  const ticket = { device: "cpu", created: 1, run: "", address: elsewhere };
  await takeTicket(join(folder, "queue"), ticket);
  writeFileSync(join(folder, "queue", "0.json"), JSON.stringify({ ...ticket, address: victim }));
  assert.deepEqual(await livingTickets(join(folder, "queue"), "cpu"), []);
  assert.equal(await connections(), 0);
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("in a folder that is not trusted nothing is connected to, and the run's state is unknown", async () => {
  const written = record();
  const connections = await countConnections(written.address);
  const { run } = await open(placed(written), false);
  assert.equal(run.status, "unknown");
  assert.equal(run.isActive, false);
  run.request("stop");
  assert.deepEqual(await run.events(), []);
  assert.equal(await connections(), 0);
});

test("a record that is damaged or forged is named with the reason", async () => {
  const cases: readonly [name: string, text: (written: RunRecord) => string, reason: RegExp][] = [
    ["null", () => "null", /run\.json is invalid: .* received null/],
    ["a list", () => "[]", /run\.json/],
    ["no JSON", () => '{"order":', /run\.json is not JSON/],
    ["an empty file", () => "", /is not JSON/],
    [
      "a name that leads out",
      (written) => JSON.stringify({ ...written, order: { ...written.order, name: "../../victim" } }),
      /wrong order\.name: a name has letters/,
    ],
    [
      "another run's record",
      (written) => JSON.stringify({ ...written, order: { ...written.order, runId: 2 } }),
      /belongs to job\d+, run 2/,
    ],
    [
      "any file as an address",
      (written) => JSON.stringify({ ...written, address: join(folder, "victim") }),
      /wrong address: it is not the address of a supervisor/,
    ],
    [
      "options in place of GPUs",
      (written) => JSON.stringify({ ...written, order: { ...written.order, gpu: "--config=x" } }),
      /wrong order\.gpu/,
    ],
    [
      "a wrong status",
      (written) => JSON.stringify({ ...written, ended: { time: 1, status: "fine" } }),
      /ended\.status/,
    ],
    ["a huge file", () => " ".repeat((1 << 20) + 1), /is larger than/],
  ];
  for (const [name, text, reason] of cases) {
    const written = record();
    const files = place(text(written), written);
    await assert.rejects(LiveRun.open(files, { changed() {}, received() {} }, true), (error) => {
      assert.ok(error instanceof DamagedFileError, name);
      assert.match(error.message, reason, name);
      return true;
    });
  }
});

test("a pipe or a device in place of a file does not block", { skip: windows }, async () => {
  for (const kind of ["record", "events"] as const) {
    const written = { ...record(), ended: { time: 2, status: "finished" } as const };
    const files = placed(written);
    rmSync(files[kind], { force: true });
    execFileSync("mkfifo", [files[kind]]);
    await assert.rejects(open(files), /is not a regular file/);
    rmSync(files[kind]);
    symlinkSync("/dev/zero", files[kind]);
    await assert.rejects(open(files), /is not a regular file/);
  }
});

test("a run's details are read without its pipes and devices", { skip: windows }, async () => {
  const order = { resultDirectory: mkdtempSync(join(tmpdir(), "details-")), name: "a", runId: 1 };
  const { runDirectory } = resultTree(order.resultDirectory, order.name, order.runId);
  const { folder, events } = recordFilesOf(order);
  for (const each of [folder, runDirectory]) mkdirSync(each, { recursive: true });
  const pipes = [events, join(runDirectory, "test_results_metrics.csv"), join(folder, "a.yaml")];
  execFileSync("mkfifo", pipes);
  for (const configuration of [pipes[2], "/dev/zero"]) {
    const { details, defaults } = await readRowDetails(order, configuration);
    assert.deepEqual([details.tests, details.keys, defaults], [{}, {}, {}]);
  }
  rmSync(order.resultDirectory, { recursive: true });
});

test("lines that are no events are counted and left out", async () => {
  const files = placed({ ...record(), ended: { time: 2, status: "finished" } });
  const good: RunEvent = { event: "log", time: 1, level: "info", message: "good" };
  const step = {
    event: "step",
    time: 2,
    epoch: 1,
    step: 1,
    steps: 2,
    learningRate: 1,
    stepSeconds: 1,
    secondsLeft: 0,
  };
  const lines = [
    JSON.stringify(good),
    "no JSON",
    "null",
    "[]",
    '"log"',
    "{}",
    '{"event":"constructor","time":1}',
    '{"event":"log","time":"now","level":"info","message":"x"}',
    '{"event":"step","time":1e999}',
    `{"event":"log","time":1,"level":"info","message":"${"x".repeat(5 << 20)}"}`,
    // JSON has no NaN: a metric that was none is absent.
    JSON.stringify({ ...step, metrics: { loss: Number.NaN, mae: 1 } }),
    JSON.stringify({ ...step, metrics: { loss: "1" } }),
    JSON.stringify({
      ...step,
      metrics: Object.fromEntries(Array.from({ length: 9999 }, (_, at) => [`m${at}`, at])),
    }),
    JSON.stringify(good),
  ];
  writeFileSync(files.events, `${lines.join("\n")}\n`);
  const { run } = await open(files);
  const events = await run.events();
  assert.deepEqual(events.slice(0, -1), [good, { ...step, metrics: { mae: 1 } }, good]);
  const note = events.at(-1);
  assert.ok(note?.event === "log" && note.level === "warning");
  assert.match(note.message, /events\.jsonl is damaged: 11 lines/);
});

test("a last line that was cut is left out, however long, and the lines before it stay", async () => {
  const files = placed({ ...record(), ended: { time: 2, status: "finished" } });
  const good: RunEvent = { event: "log", time: 1, level: "info", message: "0.5 µm" };
  const line = Buffer.from(`${JSON.stringify(good)}\n`);
  const withinCharacter = line.subarray(0, line.indexOf(0xc2) + 1);
  const long = Buffer.from(JSON.stringify({ ...good, message: "x".repeat(300_000) }));
  for (const cut of [line.subarray(0, 1), withinCharacter, line.subarray(0, -2), long]) {
    writeFileSync(files.events, Buffer.concat([line, cut]));
    const { run } = await open(files);
    assert.deepEqual(await run.events(), [good]);
  }
});

test("links that lead in circles do not hide a job's other runs", { skip: windows }, async () => {
  const job = join(folder, "circles", "job");
  const records = join(job, ".biapy-studio");
  mkdirSync(join(records, "job_4"), { recursive: true });
  for (const [link, target] of [
    ["job_1", "."],
    ["job_2", "job_3"],
    ["job_3", "job_2"],
  ] as const)
    symlinkSync(target, join(records, link));
  for (const [link, target] of [
    ["results", ".."],
    ["checkpoints", "checkpoints"],
    ["logs", "."],
  ] as const)
    symlinkSync(target, join(job, link));
  const runs = await runsOf(job);
  assert.deepEqual(runs.map(({ tree }) => tree.runId).sort(), [1, 2, 3, 4]);
  const shown = runs.find(({ tree }) => tree.runId === 2);
  assert.ok(shown?.status === "damaged" && shown.message?.includes("state.json cannot be opened (ELOOP)"));
});

test("a supervisor that sends anything but notices is disconnected", { timeout: HANGS }, async () => {
  for (const line of ["no JSON", "null", '{"events":-1}', '{"events":1e300}', "x".repeat(100_000)]) {
    const written = record();
    let left = () => {};
    const leaving = new Promise<void>((resolve) => {
      left = resolve;
    });
    await listener(written.address, (socket) => {
      socket.once("close", left);
      socket.write(`${line}\n`);
    });
    const { run, until } = await open(placed(written));
    await leaving;
    await until(() => run.status === "unknown");
    run.close();
  }
});

test("a supervisor that announces more events than there are is not believed", {
  timeout: HANGS,
}, async () => {
  const written = record();
  let accept: (socket: Socket) => void = () => {};
  const supervisor = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  await listener(written.address, (socket) => accept(socket));
  const files = placed(written);
  const { run, received, until } = await open(files);
  const only: RunEvent = { event: "log", time: 1, level: "info", message: "x" };
  writeFileSync(files.events, `${JSON.stringify(only)}\n`);
  (await supervisor).write(`${JSON.stringify({ events: Number.MAX_SAFE_INTEGER })}\n`);
  await until(() => received.length > 0);
  assert.deepEqual(received, [only]);
  assert.deepEqual(await run.events(), [only]);
});

test("a run is not recorded through links", { skip: windows }, async () => {
  for (const kind of ["events", "log", "lock", "reserve", "folder"] as const) {
    const { created: _, address: __, ...planned } = record();
    const files = recordFilesOf(planned.order);
    const victim = join(folder, `victim-${kind}`);
    if (kind === "folder") {
      mkdirSync(victim);
      mkdirSync(dirname(files.folder), { recursive: true });
    } else {
      mkdirSync(files.folder, { recursive: true });
      writeFileSync(victim, "precious");
    }
    symlinkSync(victim, files[kind]);
    await assert.rejects(startRun(planned, bundleProgram("never-run.mjs")), (error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /is a link/);
      return true;
    });
    if (kind !== "folder") assert.equal(readFileSync(victim, "utf8"), "precious");
    else assert.ok(!existsSync(join(victim, "run.json")));
  }
});

test("folders with other names than a run's are no runs, and damaged lines of a log are left out", async () => {
  const job = join(folder, "names", "cells");
  const names = ["cells_1", "cells_007", "cells_99999999999999999999", "cells_-1", "cells_1e3", "other_2"];
  for (const name of names) mkdirSync(join(job, ".biapy-studio", name), { recursive: true });
  const logs = join(job, "results/cells_1/train_logs");
  mkdirSync(logs, { recursive: true });
  const rows = [
    "null",
    "[]",
    '{"epoch":"../x","train_loss":1}',
    '{"epoch":1,"train_loss":"1"}',
    '{"epoch":2,"train_loss":null,"val_loss":0.5,"lr":0.1,"seconds":1}',
  ];
  writeFileSync(join(logs, "cells_1_log.jsonl"), rows.join("\n"));
  const runs = await runsOf(job);
  assert.deepEqual(
    runs.map(({ tree }) => tree.runId),
    [1],
  );
  assert.deepEqual([runs[0].epochs, runs[0].best], [2, { loss: 0.5, epoch: 2 }]);
});

test("a log of BiaPy names no file outside, and a pipe in its place does not block", {
  skip: windows,
}, () => {
  const { order } = record();
  const { jobDirectory } = resultTree(order.resultDirectory, order.name, 1);
  const logs = join(jobDirectory, "logs");
  mkdirSync(logs, { recursive: true });
  mkdirSync(join(jobDirectory, "checkpoints"));
  const log = (number: number) => join(logs, `${order.name}_1_log_${number}_training_log.json`);
  writeFileSync(join(jobDirectory, "victim.pth"), "precious");
  writeFileSync(
    log(1),
    '{"epoch":"/../../victim","test_loss":1}\nnull\n{"epoch":0,"train_loss":NaN,"test_loss":2}\n',
  );
  execFileSync("mkfifo", [log(2)]);
  assert.equal(resumable(order), undefined);
  const best = join(jobDirectory, "checkpoints", `${order.name}_1-checkpoint-best.pth`);
  writeFileSync(best, "");
  assert.deepEqual(resumable(order), { checkpoint: best, epoch: 1 });
  rmSync(logs, { recursive: true });
  writeFileSync(logs, "a file in place of the folder");
  assert.equal(resumable(order), undefined);
});

test("runs wait for each other where they may need one device", () => {
  const pairs: readonly [one: string, other: string, meet: boolean][] = [
    ["gpu:0", "gpu:0", true],
    ["gpu:0,1", "gpu:0", true],
    ["gpu:1", "gpu:0,1", true],
    ["gpu:0, 1", "gpu:2", false],
    ["gpu:10", "gpu:1", false],
    ["cpu", "gpu:0", false],
    ["cpu", "cpu", true],
    ["any", "gpu:3", true],
    ["cpu", "any", true],
  ];
  for (const [one, other, meet] of pairs) {
    assert.equal(meets(one, other), meet, `${one}, ${other}`);
    assert.equal(meets(other, one), meet, `${other}, ${one}`);
  }
});
