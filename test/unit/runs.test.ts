/** Runs in processes of their own: a real supervisor, and small trainers in place of the engine. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { build } from "esbuild";
import { explainExit } from "../../src/facts/explain-exit.ts";
import { newAddress } from "../../src/facts/lock/address.ts";
import { owner, takeLock } from "../../src/facts/lock/lock.ts";
import { takeRunLock } from "../../src/facts/lock/run-lock.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { endTree } from "../../src/runs/end-process.ts";
import { LiveRun } from "../../src/runs/live-run.ts";
import { livingTickets } from "../../src/runs/queue.ts";
import { type RecordFiles, type RunOrder, recordFilesOf, writeRecord } from "../../src/runs/record.ts";
import { bundleProgram, freeRunId, StartError, startRun } from "../../src/runs/start-run.ts";
import { ask } from "../../src/runs/supervisor-messages.ts";
import { bundleProcess } from "../support/bundle.ts";
import { lives, untilGone } from "../support/processes.ts";
import { messagesOf } from "../support/run-events.ts";

const folder = mkdtempSync(join(tmpdir(), "runs-"));
const queue = join(folder, "queue");
const bundle = join(folder, "supervisor.mjs");
const opened: LiveRun[] = [];

before(() => bundleProcess("src/engines/supervisor.ts", bundle));

after(async () => {
  for (const run of opened) run.close();
  // Windows keeps a folder while a process works in it, such as a supervisor that takes its leave.
  await rm(folder, { recursive: true, force: true, maxRetries: 20 });
});

const HELPERS = `
  const tell = (event) => console.log(JSON.stringify({ time: Date.now(), ...event }));
  const step = (n) => tell({ event: "log", level: "info", message: "step " + n });
  const end = (status) => {
    tell({ event: "end", status, runDirectory: "" });
    process.stdout.write("", () => process.exit(status === "stopped" ? 130 : 0));
  };
`;
/** A trainer that makes steps until it is asked to stop. */
const ENDLESS = `${HELPERS}
  let n = 0;
  setInterval(() => step(++n), 20);
  process.on("message", (message) => message === "stop" && end("stopped"));
  process.on("disconnect", () => process.exit(3));`;

/** A hang ends; a slow machine takes a fraction of this. */
const HANGS = 180_000;

let jobs = 0;
function order(): RunOrder {
  return {
    configFile: join(folder, "job.yaml"),
    resultDirectory: join(folder, "results"),
    name: `job${++jobs}`,
    runId: 1,
    resume: false,
    gpu: "",
    workingDirectory: folder,
  };
}

interface Extras {
  readonly device?: string;
  readonly stopSeconds?: number;
  readonly command?: string;
  readonly debugged?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

function start(
  code: string,
  run = order(),
  { device, stopSeconds = 20, command, debugged, env }: Extras = {},
) {
  const script = join(folder, `${run.name}.mjs`);
  writeFileSync(script, code);
  return startRun(
    {
      order: run,
      engine: "test",
      device,
      queue,
      command: { command: command ?? process.execPath, args: [script], cwd: folder, output: "events", env },
      stopSeconds,
      debugged,
    },
    bundleProgram(bundle),
  );
}

/** A window that follows a run: its events, and a way to wait for more. */
class Window {
  /** All events of the run, from its start. */
  events: RunEvent[] = [];
  private check: () => void = () => {};
  run: LiveRun | undefined;

  static async open(files: RecordFiles): Promise<Window> {
    const window = new Window();
    const listener = {
      changed: () => window.check(),
      received: (_run: LiveRun, events: readonly RunEvent[]) => {
        window.events.push(...events);
        window.check();
      },
    };
    window.run = await LiveRun.open(files, listener, true);
    assert.ok(window.run !== undefined);
    opened.push(window.run);
    window.events = [...(await window.run.events())];
    return window;
  }

  async until(condition: (run: LiveRun, events: readonly RunEvent[]) => boolean): Promise<LiveRun> {
    const { run } = this;
    assert.ok(run !== undefined);
    await new Promise<void>((resolve) => {
      this.check = () => condition(run, this.events) && resolve();
      this.check();
    });
    this.check = () => {};
    return run;
  }
}

const ended = (run: LiveRun) => run.record.ended !== undefined;

test("a run is followed from its start to its end", { timeout: HANGS }, async () => {
  const window = await Window.open(
    await start(`${HELPERS} for (let n = 1; n <= 500; n++) step(n); end("finished");`),
  );
  const run = await window.until(ended);
  assert.equal(run.status, "finished");
  const steps = Array.from({ length: 500 }, (_, index) => `step ${index + 1}`);
  assert.deepEqual(messagesOf(window.events), steps);
  assert.deepEqual(await run.events(), window.events);
  assert.equal(window.events.at(-1)?.event, "end");
});

test("a run continues when its window is closed, and a later window misses nothing", {
  timeout: HANGS,
}, async () => {
  const files = await start(ENDLESS);
  const first = await Window.open(files);
  (await first.until((_, events) => events.length > 3)).close();
  const second = await Window.open(files);
  const before = second.events.length;
  assert.ok(before > 3);
  const run = await second.until((_, events) => events.length > before + 3);
  assert.equal(run.status, "running");
  run.request("stop");
  await second.until(ended);
  const all = messagesOf(second.events);
  assert.deepEqual(
    all,
    all.map((_, index) => `step ${index + 1}`),
  );
  assert.equal(run.status, "stopped");
});

test("a run outlives the process that started it, even if a signal ends that process's whole group", {
  timeout: HANGS,
}, async () => {
  const run = order();
  writeFileSync(join(folder, "outlive.mjs"), ENDLESS);
  const starter = join(folder, "starter.mjs");
  const planned = {
    order: run,
    engine: "test",
    queue,
    command: {
      command: process.execPath,
      args: [join(folder, "outlive.mjs")],
      cwd: folder,
      output: "events",
    },
    stopSeconds: 20,
  };
  await build({
    stdin: {
      contents: `import { startRun, bundleProgram } from "./src/runs/start-run.ts";
        const files = await startRun(${JSON.stringify(planned)}, bundleProgram(${JSON.stringify(bundle)}));
        console.log(JSON.stringify(files));
        setInterval(() => {}, 1000);`,
      resolveDir: process.cwd(),
    },
    outfile: starter,
    bundle: true,
    platform: "node",
    format: "esm",
  });
  const windows = process.platform === "win32";
  const child = spawn(process.execPath, [starter], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: !windows,
  });
  const files = await new Promise<RecordFiles>((resolve) =>
    child.stdout.once("data", (data: Buffer) => resolve(JSON.parse(data.toString()))),
  );
  assert.ok(child.pid !== undefined);
  process.kill(windows ? child.pid : -child.pid, "SIGTERM");
  await new Promise((resolve) => child.once("close", resolve));
  const window = await Window.open(files);
  const live = await window.until((_, events) => events.length > 3);
  live.request("stop");
  await window.until(ended);
});

test("a run that is stopped as soon as it is ordered stops", { timeout: HANGS }, async () => {
  const window = await Window.open(await start(ENDLESS));
  window.run?.request("stop");
  const run = await window.until(ended);
  assert.equal(run.status, "stopped");
  // Whatever the supervisor is doing just then.
  for (let delay = 0; delay < 120; delay += 15) {
    const next = await Window.open(await start(ENDLESS));
    await setTimeout(delay);
    next.run?.request("stop");
    assert.equal((await next.until(ended)).status, "stopped");
  }
});

test("a run that a signal stops says so", {
  skip: process.platform === "win32" && "Windows has no signals",
  timeout: HANGS,
}, async () => {
  const window = await Window.open(await start(ENDLESS));
  const supervisor = (run: LiveRun) => run.record.supervisor;
  const run = await window.until((run, events) => supervisor(run) !== undefined && events.length > 3);
  process.kill(supervisor(run) ?? assert.fail(), "SIGTERM");
  assert.equal((await window.until(ended)).status, "stopped");
  assert.equal(
    messagesOf(window.events).filter((message) => message.startsWith("SIGTERM was sent")).length,
    1,
  );
});

test("a trainer that does not stop is ended with all processes that it started", {
  timeout: HANGS,
}, async () => {
  const code = `${HELPERS}
    import { spawn, spawnSync } from "node:child_process";
    const grandchild = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    step(process.pid); step(grandchild.pid);
    setInterval(() => {}, 1000);`;
  const window = await Window.open(await start(code, order(), { stopSeconds: 0.3 }));
  const run = await window.until((_, events) => events.length >= 2);
  const pids = messagesOf(window.events).map((message) => Number(message.slice(5)));
  run.request("stop");
  await window.until(ended);
  assert.equal(run.status, "stopped");
  for (const pid of pids) await untilGone(pid);
});

test("processes that a crashed trainer leaves behind are ended, and its cause is reported", {
  timeout: HANGS,
}, async () => {
  const code = `${HELPERS}
    import { spawn, spawnSync } from "node:child_process";
    const grandchild = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    step(grandchild.pid);
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 100);`;
  const window = await Window.open(await start(code));
  const run = await window.until(ended);
  assert.equal(run.status, "failed");
  // Windows does not tell how a process was ended.
  const cause = process.platform === "win32" ? /exit code 1/ : /ended from outside \(SIGKILL\)/;
  assert.match(run.record.ended?.message ?? "", cause);
  const last = window.events.at(-1);
  assert.ok(last?.event === "end" && last.status === "failed");
  await untilGone(Number(messagesOf(window.events)[0].slice(5)));
});

test("a trainer that its debugger ends was stopped", {
  skip: process.platform === "win32",
  timeout: HANGS,
}, async () => {
  const code = 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);';
  const window = await Window.open(await start(code, order(), { debugged: true }));
  assert.equal((await window.until(ended)).status, "stopped");
});

test("bad input is reported by its first problem, and the log keeps what was printed", {
  timeout: HANGS,
}, async () => {
  const code = `${HELPERS}
    console.error("a native library speaks");
    tell({ event: "problems", problems: [{ severity: "warning", message: "W" }, { severity: "error", message: "A." }, { severity: "error", message: "B." }] });
    process.exitCode = 2;`;
  const files = await start(code);
  const run = await (await Window.open(files)).until(ended);
  assert.equal(run.record.ended?.message, "A. (and 1 more)");
  assert.equal(readFileSync(files.log, "utf8"), "a native library speaks\n");
});

test("a missing program is named", { timeout: HANGS }, async () => {
  const files = await start("", order(), { command: "no-such-engine" });
  const run = await (await Window.open(files)).until(ended);
  assert.match(run.record.ended?.message ?? "", /^no-such-engine was not found/);
});

test("a run whose supervisor was killed is interrupted, and can be started again", {
  timeout: HANGS,
}, async () => {
  const run = order();
  const files = await start(ENDLESS, run);
  const window = await Window.open(files);
  const live = await window.until((one, events) => events.length > 2 && one.record.pid !== undefined);
  const { pid, supervisor } = live.record;
  assert.ok(pid !== undefined && supervisor !== undefined);
  process.kill(supervisor, "SIGKILL");
  await window.until(({ status, record }) => status === "interrupted" && !existsSync(record.address));
  await untilGone(pid);
  const lateWindow = await Window.open(files);
  assert.equal(lateWindow.run?.status, "interrupted");
  const again = await Window.open(await start(`${HELPERS} end("finished");`, { ...run, resume: true }));
  await again.until(ended);
  const all = await again.run?.events();
  assert.equal(all?.at(-1)?.event, "end");
  assert.ok(messagesOf(all ?? []).includes("step 1"), "what happened before is kept");
});

test("epochs that were not recorded are read from the log when the run is resumed", {
  timeout: HANGS,
}, async () => {
  const run = order();
  const epoch = { event: "epoch", epoch: 1, epochs: 5, learningRate: 0.1, seconds: 2 };
  const rest = { train: { loss: 1 }, validation: { loss: 2 }, secondsLeft: 0, memoryBytes: 0, best: true };
  const first = `${HELPERS} tell(${JSON.stringify({ ...epoch, ...rest })}); end("stopped");`;
  await (await Window.open(await start(first, run))).until(ended);
  const { trainLogs } = resultTree(run.resultDirectory, run.name, run.runId);
  mkdirSync(trainLogs, { recursive: true });
  const row = (number: number, loss: number) =>
    JSON.stringify({ epoch: number, train_loss: 1, val_loss: loss, lr: 0.1, seconds: 2 });
  const rows = [row(1, 2), row(2, 1.5), row(3, 1.8), '{"epoch":4,"tr'];
  writeFileSync(join(trainLogs, `${run.name}_1_log.jsonl`), rows.join("\n"));
  const again = await Window.open(await start(`${HELPERS} end("finished");`, { ...run, resume: true }));
  await again.until(ended);
  const told = again.events.flatMap((event) => (event.event === "epoch" ? [event] : []));
  assert.deepEqual(
    told.map(({ epoch, epochs, validation, best }) => [epoch, epochs, validation?.loss, best]),
    [
      [1, 5, 2, true],
      [2, 5, 1.5, true],
      [3, 5, 1.8, false],
    ],
  );
});

test("runs of one device wait for each other, in the order in which they were asked for", {
  timeout: HANGS,
}, async () => {
  const device = "gpu:0";
  const first = await Window.open(await start(ENDLESS, order(), { device }));
  await first.until(({ status }, events) => status === "running" && events.length > 0);
  const second = await Window.open(await start(ENDLESS, order(), { device }));
  const third = await Window.open(await start(`${HELPERS} end("finished");`, order(), { device }));
  const other = await Window.open(await start(`${HELPERS} end("finished");`, order(), { device: "cpu" }));
  await other.until(ended);
  await second.until((run, events) => run.status === "queued" && messagesOf(events).length > 0);
  assert.match(messagesOf(second.events)[0], /^Waiting until job\d+, run 1, has ended\.$/);
  assert.equal(third.run?.status, "queued");
  const inTurn = [first, second, third].map(({ run }) => run?.id);
  assert.deepEqual(
    (await livingTickets(queue, device)).map(({ run }) => run),
    inTurn,
  );
  // One that is taken out of the queue never runs; the next one has its turn.
  await ask(second.run?.record.address ?? "", "stop");
  await second.until(ended);
  assert.equal(second.run?.status, "stopped");
  assert.equal(second.run?.record.started, undefined);
  assert.equal(third.run?.status, "queued");
  first.run?.request("stop");
  await third.until(ended);
  assert.equal(third.run?.status, "finished");
  const firstEnd = first.events.find(({ event }) => event === "end")?.time ?? Number.POSITIVE_INFINITY;
  assert.ok((third.run?.record.started ?? 0) >= firstEnd);
  assert.deepEqual(await livingTickets(queue, device), []);
});

test("a run that is under way is not started twice", { timeout: HANGS }, async () => {
  const run = order();
  const window = await Window.open(await start(ENDLESS, run));
  const both = await Promise.allSettled([start(ENDLESS, run), start(ENDLESS, run)]);
  for (const one of both) assert.ok(one.status === "rejected" && one.reason instanceof StartError);
  const live = await window.until((_, events) => events.length > 0);
  live.request("stop");
  await window.until(ended);
});

test("a lock that is not a file is named, with what to do", async () => {
  const record = join(folder, "with-a-folder-as-lock");
  mkdirSync(join(record, "lock"), { recursive: true });
  await assert.rejects(takeRunLock(record, { name: "cells", runId: 1 }, owner(newAddress())), {
    name: "RunLockError",
    message: `${join(record, "lock")} is not a regular file. If the run is not active, delete it and try again.`,
  });
});

test("of those that find a lock left behind, one takes it over", async () => {
  const lock = join(folder, "lock");
  const gone = { ...owner(newAddress()), pid: spawnSync(process.execPath, ["-e", ""]).pid };
  const owners = Array.from({ length: 8 }, () => owner(newAddress()));
  const takenOver = async () => {
    const taken = await Promise.all(owners.map((own) => takeLock(lock, own)));
    assert.equal(taken.filter(Boolean).length, 1);
    assert.deepEqual(JSON.parse(readFileSync(lock, "utf8")), owners[taken.indexOf(true)]);
  };
  writeFileSync(lock, JSON.stringify(gone));
  await takenOver();
  // These eight live, and may be about to listen: for as long as a start takes, whatever the clocks say.
  assert.equal(await takeLock(lock, owner(newAddress())), false);
  for (const time of [new Date(0), new Date(Date.now() + 1e9)]) {
    utimesSync(lock, time, time);
    await takenOver();
  }
  // One that listened and no longer answers is gone, though its number is still in use until its parent looks.
  writeFileSync(lock, JSON.stringify({ ...owner(newAddress()), listening: true }));
  await takenOver();
  // Of a run on another computer it is only known when its lock was touched.
  writeFileSync(lock, JSON.stringify({ ...gone, host: "elsewhere" }));
  assert.equal(await takeLock(lock, owners[0]), false);
  const longAgo = new Date(Date.now() - 3_600_000);
  utimesSync(lock, longAgo, longAgo);
  await takenOver();
  writeFileSync(lock, "no lock of ours");
  assert.equal(await takeLock(lock, owners[0]), false);
  utimesSync(lock, longAgo, longAgo);
  await takenOver();
});

test("the next free number of a job skips our results, BiaPy's logs and records", () => {
  const results = join(folder, "numbers");
  assert.equal(freeRunId(results, "cells"), 1);
  mkdirSync(join(results, "cells/results/cells_1"), { recursive: true });
  mkdirSync(join(results, "cells/logs"), { recursive: true });
  writeFileSync(join(results, "cells/logs/cells_2_log_1_2026_01_01_00_00_00.txt"), "");
  mkdirSync(join(results, "cells/.biapy-studio/cells_3"), { recursive: true });
  writeFileSync(join(results, "cells/.biapy-studio/cells_3/run.json"), "{}");
  assert.equal(freeRunId(results, "cells"), 4);
});

test("a line that a killed supervisor left unfinished loses no event of the resumed run", {
  timeout: HANGS,
}, async () => {
  const run = order();
  const files = await start(`${HELPERS} step(1); end("stopped");`, run);
  await (await Window.open(files)).until(ended);
  appendFileSync(files.events, '{"event":"log","time":1,"level":"info","message":"0.5 \u00b5');
  const again = await Window.open(
    await start(`${HELPERS} step(2); end("finished");`, { ...run, resume: true }),
  );
  const resumed = await again.until(ended);
  const all = messagesOf(await resumed.events());
  assert.ok(all.includes("step 1") && all.includes("step 2"), all.join(", "));
  assert.ok(
    all.some((message) => /events\.jsonl is damaged: 1 line/.test(message)),
    all.join(", "),
  );
});

// Windows keeps a folder while a file in it is open.
test("a run whose folder is deleted while it trains can still be stopped, and stays deleted", {
  skip: process.platform === "win32",
  timeout: HANGS,
}, async () => {
  const files = await start(ENDLESS);
  const window = await Window.open(files);
  const run = await window.until((_, events) => events.length > 3);
  // A step may be written meanwhile.
  await rm(run.jobDirectory, { recursive: true, maxRetries: 20 });
  run.request("stop");
  await window.until(({ isActive }) => !isActive);
  assert.ok(!existsSync(run.jobDirectory));
});

test("a trainer whose heap is full is explained in plain words", { timeout: HANGS }, async () => {
  const fill = `${HELPERS}
    for (const all = []; ; ) all.push({ length: all.length });`;
  const env = { NODE_OPTIONS: "--max-old-space-size=20" };
  const window = await Window.open(await start(fill, order(), { env }));
  const run = await window.until(ended);
  assert.equal(run.status, "failed");
  assert.match(run.record.ended?.message ?? "", /take more memory than Node\.js allows for them \(\d+ MB\)/);
});

test("the end of a process is explained in plain words", () => {
  const explained = (code: number | null, signal: NodeJS.Signals | null, ...lastLines: string[]) =>
    explainExit({ code, signal, lastLines });
  for (const [code, signal] of [
    [null, "SIGKILL"],
    [137, null],
  ] as const) {
    assert.match(explained(code, signal), /ended from outside/);
    assert.doesNotMatch(explained(code, signal), /memory/);
    assert.match(explainExit({ code, signal, lastLines: [], outOfMemory: true }), /memory ran out/);
  }
  const koffi = explained(null, "SIGABRT", "Failed to allocate 8.00781 MiB of memory");
  assert.match(koffi, /too little free memory/);
  assert.match(explained(null, "SIGTERM"), /ended from outside \(SIGTERM\)/);
  assert.match(explained(0xc0000005, null), /crashed \(0xc0000005\)/);
  assert.match(
    explained(1, null, "Traceback", "torch.OutOfMemoryError: CUDA out of memory. Tried"),
    /graphics card's memory is full/,
  );
  assert.match(explained(1, null, "ModuleNotFoundError: No module named 'biapy'"), /lacks the module biapy/);
  assert.equal(
    explained(
      1,
      null,
      "Traceback (most recent call last):",
      "  File x",
      "ValueError: patch size (1,1) is wrong",
    ),
    "ValueError: patch size (1,1) is wrong",
  );
  assert.match(explained(1, null, "OSError: [Errno 28] No space left on device"), /disk is full/);
  assert.equal(explained(7, null, "the last word", ""), "The training ended with exit code 7: the last word");
});

test("processes that a trainer started are ended with it, even in a session of their own", {
  skip: process.platform === "win32",
  timeout: HANGS,
}, async () => {
  const grandchild = "setInterval(() => {}, 1000)";
  const code = `
    const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}], { detached: true });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", code], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const printed = await new Promise<Buffer>((resolve) => child.stdout.once("data", resolve));
  const started = Number(printed.toString());
  assert.ok(lives(started));
  assert.ok(child.pid !== undefined);
  endTree(child.pid);
  await untilGone(started);
});

test("a long run's events are read whole, piece by piece", async () => {
  const event = (n: number): RunEvent => ({
    event: "log",
    time: n,
    level: "info",
    // Lines of many lengths, so that pieces end anywhere in them, within a letter of several bytes too.
    message: "µm ".repeat(n % 97),
  });
  const events = Array.from({ length: 30_000 }, (_, n) => event(n));
  const files = recordFilesOf(order());
  const record = {
    order: { ...order(), name: `job${jobs - 1}` },
    engine: "embedded",
    queue,
    stopSeconds: 1,
    created: 1,
    address: newAddress(),
  };
  const command = { command: "", args: [], cwd: folder, output: "events" } as const;
  mkdirSync(files.folder, { recursive: true });
  await writeRecord(files, { ...record, command, started: 1, ended: { time: 2, status: "finished" } });
  writeFileSync(files.events, events.map((each) => `${JSON.stringify(each)}\n`).join(""));
  assert.ok(readFileSync(files.events).length > 3e6);
  const run = await LiveRun.open(files, { changed() {}, received() {} }, true);
  assert.deepEqual(await run?.events(), events);
});
