// The steps of continuous integration after `npm ci`: checks, build and tests, one after the other, since most compute on all cores.
// Suites that compute on one core or mostly wait run together. What they need of the machine (Python with BiaPy, VS Code's server, Wine,
// a Vulkan driver, TensorFlow) is mostly waited for, so it is set up meanwhile. Every step is tried, whatever failed before; at the
// end it says what failed, and prints a table of times.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Each step: lanes that run together, and the set-ups that they need. A lane is one command after the other. `npm test` is the README's
 * test command.
 */
const STEPS = [
  { lanes: [["npm run check"]] },
  { lanes: [["npm run build"]] },
  { lanes: [["npm test"]] },
  { lanes: [["npm run test:webgpu"], ["npm run test:webview", "npm run test:faults"]], needs: ["webgpu"] },
  { lanes: [["npm run test:biapy"]], needs: ["python"] },
  { lanes: [["npm run test:vscode"]], needs: ["vscode", "python"] },
  { lanes: [["npm run test:tensorflow"], ["npm run test:windows"]], needs: ["tensorflow", "windows"] },
];
/** In the order in which they are needed. One after the other: Debian's package manager does one thing at a time. */
const SET_UPS = ["webgpu", "python", "vscode", "tensorflow", "windows"];

const logs = join(".test-output", "ci");
mkdirSync(logs, { recursive: true });

/** What is printed again of a step that failed. */
const LINES_OF_A_TEST = 30;
const LINES_OF_END = 25;

/** What is said of steps that failed, after all others. */
const failures = [];
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

/** Runs commands one after the other, whatever fails, and returns whether all passed. */
async function lane(commands, beside) {
  let passed = true;
  for (const command of commands) passed = (await step(command, beside)) && passed;
  return passed;
}

/** Runs a command and returns whether it passed. Beside others, its output is shown when it has ended. */
async function step(command, beside) {
  const log = join(logs, `${command.replace(/\W+/g, "-")}.log`);
  if (!beside) console.log(`== ${command}`);
  const { seconds, code } = await run(command, createWriteStream(log), !beside);
  if (beside) console.log(`== ${command}\n${readFileSync(log, "utf8")}`);
  console.log(`== ${seconds.toFixed(0)} s`);
  times.push([command, seconds, code === 0 ? "passed" : `failed (${code})`]);
  if (code !== 0) failures.push(`== ${command} failed:\n${whatFailed(readFileSync(log, "utf8"))}`);
  return code === 0;
}

/** Runs a command, its output to a stream, and to this terminal if `shown`. */
function run(command, output, shown = false) {
  const start = Date.now();
  const [program, ...args] = command.split(" ");
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.pipe(output, { end: false });
      if (shown) stream.pipe(process.stdout, { end: false });
    }
    child.on("error", (error) => console.log(`${command}: ${error.message}`));
    child.on("close", (code) =>
      output.end(() => resolve({ seconds: (Date.now() - start) / 1000, code: code ?? 1 })),
    );
  });
}

/** Of a step's output: each test that failed with what it says, and the end. */
function whatFailed(output) {
  const lines = output.split("\n");
  let shownUntil = 0;
  const shown = lines.filter((line, index) => {
    if (/^\s*not ok /.test(line)) shownUntil = index + LINES_OF_A_TEST;
    return index < shownUntil || index >= lines.length - LINES_OF_END;
  });
  return shown.join("\n");
}

let failed = false;
let seconds = times[0][1];
for (const { lanes, needs = [] } of STEPS) {
  const start = Date.now();
  await Promise.all(needs.map((name) => setUps.get(name)));
  const waited = (Date.now() - start) / 1000;
  if (waited > 1) times.push(["  waited for a set-up", waited, ""]);
  const passed = await Promise.all(lanes.map((commands) => lane(commands, lanes.length > 1)));
  seconds += (Date.now() - start) / 1000;
  failed ||= passed.includes(false);
  // Nothing else makes sense where it does not compile.
  if (failed && ["npm run check", "npm run build"].includes(lanes[0][0])) break;
}
if (failed) process.exitCode = 1;
else await before;
for (const failure of failures) console.log(`\n${failure}`);
console.log("\n   time  step");
for (const [name, spent, result] of [...times, ["altogether", seconds, failed ? "failed" : "passed"]])
  console.log(`${minutes(spent)}  ${name.padEnd(42)} ${result}`);
// A set-up that goes on is of no use any more.
process.exit();

function minutes(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`.padStart(7);
}
