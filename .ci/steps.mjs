// The steps of continuous integration after `npm ci`: checks, build and tests, one after the other, since each computes on all cores.
// What they need of the machine (Python with BiaPy, VS Code's server, Wine, a Vulkan driver, TensorFlow) is mostly waited for, so it is
// set up meanwhile. Every step is tried, whatever failed before; a table of times ends it.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Each step, with the set-ups that it needs. `npm test` is the README's test command. */
const STEPS = [
  ["npm run check"],
  ["npm run build"],
  ["npm test"],
  ["npm run test:faults"],
  ["npm run test:webgpu", "webgpu"],
  ["npm run test:webview", "webgpu"],
  ["npm run test:biapy", "python"],
  ["npm run test:vscode", "vscode", "python"],
  ["npm run test:tensorflow", "tensorflow"],
  ["npm run test:windows", "windows"],
];
/** In the order in which they are needed. One after the other: Debian's package manager does one thing at a time. */
const SET_UPS = ["webgpu", "python", "vscode", "tensorflow", "windows"];

const logs = join(".test-output", "ci");
mkdirSync(logs, { recursive: true });

const times = [["npm ci", Number(process.argv[2] ?? 0), "passed"]];

/** Resolves, whatever becomes of it, when the set-up is done: a test that needs what is missing says so itself. */
const setUps = new Map();
let before = Promise.resolve();
for (const name of SET_UPS) {
  before = before.then(() => setUp(name));
  setUps.set(name, before);
}

async function setUp(name) {
  const log = join(logs, `set-up-${name}.log`);
  const { seconds, code } = await run(
    `node --import ./test/register.mjs test/set-up.ts ${name}`,
    createWriteStream(log),
  );
  times.push([`  set-up of ${name}, beside the tests`, seconds, code === 0 ? "done" : `ended with ${code}`]);
  if (code !== 0) console.log(`== set-up of ${name}:\n${readFileSync(log, "utf8")}`);
}

/** Runs a command, its output to a stream or to this terminal. */
function run(command, output) {
  const start = Date.now();
  const [program, ...args] = command.split(" ");
  return new Promise((resolve) => {
    const stdio = output === undefined ? "inherit" : ["ignore", "pipe", "pipe"];
    const child = spawn(program, args, { stdio, shell: process.platform === "win32" });
    child.stdout?.pipe(output, { end: false });
    child.stderr?.pipe(output, { end: false });
    child.on("error", (error) => console.log(`${command}: ${error.message}`));
    child.on("close", (code) => {
      output?.end();
      resolve({ seconds: (Date.now() - start) / 1000, code: code ?? 1 });
    });
  });
}

let failed = false;
for (const [command, ...needed] of STEPS) {
  const start = Date.now();
  await Promise.all(needed.map((name) => setUps.get(name)));
  const waited = (Date.now() - start) / 1000;
  if (waited > 1) times.push(["  waited for a set-up", waited, ""]);
  console.log(`== ${command}`);
  const { seconds, code } = await run(command);
  console.log(`== ${seconds.toFixed(0)} s`);
  times.push([command, seconds, code === 0 ? "passed" : `failed (${code})`]);
  failed ||= code !== 0;
  // Nothing else makes sense where it does not compile.
  if (code !== 0 && ["npm run check", "npm run build"].includes(command)) break;
}
if (failed) process.exitCode = 1;
else await before;
const total = times
  .filter(([name]) => !name.startsWith("  set-up"))
  .reduce((sum, [, seconds]) => sum + seconds, 0);
console.log("\n   time  step");
for (const [name, seconds, result] of [...times, ["altogether", total, failed ? "failed" : "passed"]])
  console.log(`${minutes(seconds)}  ${name.padEnd(42)} ${result}`);
// A set-up that goes on is of no use any more.
process.exit();

function minutes(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`.padStart(7);
}
