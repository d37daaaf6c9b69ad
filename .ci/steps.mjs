// The steps of continuous integration after `npm ci`: checks, build, then tests in two lanes. One lane computes on all cores; the other
// mostly waits, for windows, and works in a copy of the repository, since packaging replaces `dist`. What the tests need of the machine
// (Python with BiaPy, VS Code's server, Wine, a Vulkan driver, TensorFlow) is mostly waited for too: it is set up meanwhile. Every test
// is tried, whatever failed before; a table of times ends it.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, createWriteStream, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { dirname, join, resolve } from "node:path";

const FIRST = ["npm run check", "npm run build"];
/** Alone on the machine, since it judges how soon an answer comes. */
const LAST = "npm run test:faults";

/** Each step, with the set-ups that it needs. `npm test` is the README's test command. */
const COMPUTING = [["npm test"], ["npm run test:webgpu", "webgpu"], ["npm run test:biapy", "python"]];
const WAITING = [
  ["npm run test:webview", "webgpu"],
  ["npm run test:windows", "windows"],
  ["npm run test:tensorflow", "tensorflow"],
  ["npm run test:vscode", "vscode", "python"],
];
/** In the order in which they are needed. One after the other: Debian's package manager does one thing at a time. */
const SET_UPS = ["webgpu", "windows", "tensorflow", "vscode", "python"];
/** What the set-ups install into the repository, for the copy too. */
const INSTALLED = [".python", ".tensorflow", "test/vscode/server/node_modules"];

const start = Date.now() - 1000 * Number(process.argv[2] ?? 0);
const logs = join(".test-output", "ci");
const copy = join(logs, "copy");
mkdirSync(logs, { recursive: true });
let failed = false;
const times = [["npm ci", Number(process.argv[2] ?? 0), "passed"]];

for (const command of FIRST) if (!failed) await step(command);
if (!failed) {
  const setUps = setUpAll();
  copyRepository();
  await Promise.all([
    // The other lane's windows answer as on an idle machine.
    lane(COMPUTING, setUps, { priority: constants.priority.PRIORITY_BELOW_NORMAL }),
    lane(WAITING, setUps, { cwd: copy, quiet: true }),
  ]);
  await step(LAST);
  rmSync(copy, { recursive: true, force: true });
}
const total = (Date.now() - start) / 1000;
console.log("\n   time  step");
for (const [name, seconds, result] of [...times, ["altogether", total, failed ? "failed" : "passed"]])
  console.log(`${minutes(seconds)}  ${name.padEnd(42)} ${result}`);
// A set-up that goes on is of no use any more.
process.exit(failed ? 1 : 0);

async function lane(steps, setUps, options) {
  for (const [command, ...needed] of steps) {
    const before = Date.now();
    await Promise.all(needed.map((name) => setUps.get(name)));
    const waited = (Date.now() - before) / 1000;
    if (waited > 1) times.push([`  ${command} waited for its set-up`, waited, ""]);
    await step(command, options);
  }
}

/** Runs a step. The output of a quiet one goes to this terminal in one piece, when it ends. */
async function step(command, { quiet = false, ...options } = {}) {
  const log = quiet ? join(logs, `${command.replaceAll(/\W+/g, "-")}.log`) : undefined;
  if (!quiet) console.log(`== ${command}`);
  const { seconds, code } = await run(command, { ...options, log });
  if (quiet) console.log(`== ${command}\n${readFileSync(log, "utf8")}`);
  console.log(`== ${command}: ${seconds.toFixed(0)} s`);
  times.push([command, seconds, code === 0 ? "passed" : `failed (${code})`]);
  failed ||= code !== 0;
}

/** Starts the set-ups. Each promise resolves when its set-up is done, whatever becomes of it: a test that lacks something says so. */
function setUpAll() {
  let before = Promise.resolve();
  return new Map(
    SET_UPS.map((name) => {
      before = before.then(() => setUp(name));
      return [name, before];
    }),
  );
}

async function setUp(name) {
  const log = join(logs, `set-up-${name}.log`);
  const { seconds, code } = await run(`node --import ./test/register.mjs test/set-up.ts ${name}`, { log });
  times.push([`  set-up of ${name}, beside the tests`, seconds, code === 0 ? "done" : `ended with ${code}`]);
  if (code !== 0) console.log(`== set-up of ${name}:\n${readFileSync(log, "utf8")}`);
}

/** Copies what git knows of. Packages are linked, and what the set-ups install is referred to. */
function copyRepository() {
  rmSync(copy, { recursive: true, force: true });
  const files = execFileSync("git", ["ls-files", "-z"], { encoding: "utf8" }).split("\0").filter(Boolean);
  for (const file of files) cpSync(file, join(copy, file), { verbatimSymlinks: true });
  execFileSync("cp", ["-al", "node_modules", copy]);
  for (const path of INSTALLED) {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(resolve(path), join(copy, path));
  }
}

/** Runs a command, its output to a file or to this terminal. */
function run(command, { log, cwd, priority }) {
  const start = Date.now();
  const output = log === undefined ? undefined : createWriteStream(log);
  const [program, ...args] = command.split(" ");
  return new Promise((resolve) => {
    const stdio = output === undefined ? "inherit" : ["ignore", "pipe", "pipe"];
    const child = spawn(program, args, { stdio, cwd, shell: process.platform === "win32" });
    if (priority !== undefined && child.pid !== undefined) setPriority(child.pid, priority);
    child.stdout?.pipe(output, { end: false });
    child.stderr?.pipe(output, { end: false });
    child.on("error", (error) => console.log(`${command}: ${error.message}`));
    child.on("close", (code) => {
      const end = () => resolve({ seconds: (Date.now() - start) / 1000, code: code ?? 1 });
      if (output === undefined) end();
      else output.end(end);
    });
  });
}

function minutes(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`.padStart(7);
}
