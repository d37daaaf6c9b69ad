/**
 * The bundle's entry. If V8's heap is full or native code crashes, a process ends without an explanation. The program therefore runs in a
 * second process, and this one explains its end. A process with a channel to its parent, such as a supervisor, is that second one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { url as debuggerUrl } from "node:inspector";
import { errorCode } from "../facts/errors.ts";
import { EXIT } from "../facts/exit-codes.ts";
import { explainExit, keepLine } from "../facts/explain-exit.ts";
import { fileThreads } from "../facts/file-threads.ts";
import { eachLine } from "../facts/files/lines.ts";
import { memoryKills } from "../facts/memory-kills.ts";
import { STOP_SIGNALS } from "./stop-signals.ts";

/** The largest exit code of a program. Windows' codes of crashes are larger. */
const MOST_CODE = 255;
/** Windows' code of a process that Ctrl+C ended. */
const CONTROL_C = 0xc000013a;
/** The first line of V8's report of a fatal error, which continues to the end of the process. */
const REPORT = /^(?:<--- Last few GCs --->|FATAL ERROR: |# Fatal |#$)/;

/** Loads and runs the program in this process. Explains if the system lets it open too few files. */
async function runHere(): Promise<void> {
  try {
    await import("./main.ts");
  } catch (error) {
    const code = errorCode(error);
    if (code !== "EMFILE" && code !== "ENFILE") throw error;
    console.error("Too many files are open to load the program. Allow 128 or more (ulimit -n).");
    process.exit(EXIT.failed);
  }
}

/** Starts the program in another process. Returns undefined if the system allows none. */
function startApart(): ChildProcess | undefined {
  try {
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: ["inherit", "inherit", "pipe", "ipc"],
      env: { ...process.env, ...fileThreads() },
      windowsHide: true,
    });
    child.on("error", () => {});
    return child.pid === undefined ? undefined : child;
  } catch {
    return undefined;
  }
}

/** Runs the program in another process and ends with its exit code. If it crashed, explains why and ends with the code of a failure. */
async function runApart(): Promise<void> {
  const killedBefore = memoryKills();
  const child = startApart();
  if (child === undefined) return runHere();
  // Windows' console sends Ctrl+C to both processes. It has no signals to pass on: `kill` would end the program at once.
  for (const name of STOP_SIGNALS) process.on(name, () => process.platform !== "win32" && child.kill(name));
  // The program continues if its errors are no longer read.
  process.stderr.on("error", () => {});
  const lastLines: string[] = [];
  let reported = false;
  if (child.stderr)
    eachLine(child.stderr, (line) => {
      reported ||= REPORT.test(line);
      if (!reported || process.env.BIAPY_DEBUG) console.error(line);
      keepLine(lastLines, line);
    });
  child.once("close", (code, signal) => {
    // `process.exit` would drop what a pipe has not taken yet.
    if (code !== null && code <= MOST_CODE && !reported) process.exitCode = code;
    else if (code === CONTROL_C || STOP_SIGNALS.some((name) => name === signal))
      process.exitCode = EXIT.stopped;
    else {
      const outOfMemory = memoryKills() > killedBefore;
      const trained = process.argv.includes("--config") || process.argv.includes("-cfg");
      console.error(explainExit({ code, signal, lastLines, outOfMemory, trained }));
      process.exitCode = EXIT.failed;
    }
  });
}

// A debugger is attached to one process.
if (process.connected || debuggerUrl() !== undefined) await runHere();
else await runApart();
