import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { before, test } from "node:test";
import { bundleProcess } from "../support/bundle.ts";
import { untilGone } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Limit on a test that hangs. A slow machine takes a fraction of it. */
const HANGS = 60_000;

const folder = temporaryFolder();
const bundle = join(folder, "companion.mjs");

before(() => bundleProcess("src/runs/companion.ts", bundle));

/** A program that starts another one, prints the process ids of both, and does not end. */
const PROGRAM = `
  const { pid } = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  console.log(process.pid + " " + pid);
  setInterval(() => {}, 1000);`;

const accompanied = (script: string) => [bundle, process.execPath, "-e", script];

async function pidsFrom({ stdout }: ChildProcessWithoutNullStreams): Promise<number[]> {
  const printed = await new Promise<Buffer>((resolve) => stdout.once("data", resolve));
  const pids = printed.toString().trim().split(" ").map(Number);
  assert.equal(pids.length, 2);
  return pids;
}

test("a program ends, with all that it started, when the process that asked for it is killed", {
  timeout: HANGS,
}, async () => {
  const asks = `
    const [bundle, ...args] = ${JSON.stringify(accompanied(PROGRAM))};
    const child = require("node:child_process").spawn(process.execPath, [bundle, ...args], { detached: true });
    child.stdout.pipe(process.stdout);`;
  const asker = spawn(process.execPath, ["-e", asks]);
  const pids = await pidsFrom(asker);
  asker.kill("SIGKILL");
  await Promise.all(pids.map(untilGone));
});

test("a program ends, with all that it started, when the companion's input is closed", {
  timeout: HANGS,
}, async () => {
  const companion = spawn(process.execPath, accompanied(PROGRAM));
  const pids = await pidsFrom(companion);
  const exit = new Promise((resolve) => companion.once("exit", resolve));
  companion.stdin.end();
  await Promise.all([exit, ...pids.map(untilGone)]);
});

test("a program's output and exit code are the companion's; a missing program is named", {
  timeout: HANGS,
}, async () => {
  const outcome = async (args: readonly string[]) => {
    const child = spawn(process.execPath, args);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text));
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, said };
  };
  assert.deepEqual(await outcome(accompanied("process.stdout.write('ready'); process.exitCode = 7")), {
    code: 7,
    said: "ready",
  });
  const missing = await outcome([bundle, join(folder, "tensorboard")]);
  assert.equal(missing.code, 1);
  assert.match(missing.said, /tensorboard ENOENT/);
});
