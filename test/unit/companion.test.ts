import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundleProcess } from "../support/bundle.ts";
import { untilGone } from "../support/processes.ts";

/** A hang ends; a slow machine takes a fraction of this. */
const HANGS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "companion-"));
const bundle = join(folder, "companion.mjs");

before(() => bundleProcess("src/runs/companion.ts", bundle));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

/** A program that starts another of its own, tells the numbers of both, and stays. */
const PROGRAM = `
  const { pid } = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  console.log(process.pid + " " + pid);
  setInterval(() => {}, 1000);`;

const accompanied = (script: string) => [bundle, process.execPath, "-e", script];

async function numbersFrom({ stdout }: ChildProcessWithoutNullStreams): Promise<number[]> {
  const told = await new Promise<Buffer>((resolve) => stdout.once("data", resolve));
  return told.toString().trim().split(" ").map(Number);
}

test("a program ends with all that it started when who asked for it is killed", {
  timeout: HANGS,
}, async () => {
  const asks = `
    const [bundle, ...args] = ${JSON.stringify(accompanied(PROGRAM))};
    const child = require("node:child_process").spawn(process.execPath, [bundle, ...args], { detached: true });
    child.stdout.pipe(process.stdout);`;
  const asker = spawn(process.execPath, ["-e", asks]);
  const numbers = await numbersFrom(asker);
  assert.equal(numbers.length, 2);
  asker.kill("SIGKILL");
  await Promise.all(numbers.map(untilGone));
});

test("a program ends when it is not wanted any more", { timeout: HANGS }, async () => {
  const companion = spawn(process.execPath, accompanied(PROGRAM));
  const numbers = await numbersFrom(companion);
  const exit = new Promise((resolve) => companion.once("exit", resolve));
  companion.stdin.end();
  await Promise.all([exit, ...numbers.map(untilGone)]);
});

test("a program's output and exit code are the companion's; one that is not there is named", {
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
