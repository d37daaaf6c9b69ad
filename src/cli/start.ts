/**
 * The bundle's entry. Where V8's heap is full, or native code crashes, a process ends without a word of its own. The program therefore runs
 * in a second process, and this one explains its end. A process with a channel to its parent, such as a supervisor, is that second one.
 */
import { spawn } from "node:child_process";
import { url as debuggerUrl } from "node:inspector";
import { explainExit, keepLine } from "../facts/explain-exit.ts";
import { eachLine } from "../facts/files/lines.ts";
import { memoryKills } from "../facts/memory-kills.ts";
import { EXIT } from "./exit-codes.ts";
import { STOP_SIGNALS } from "./stop-signals.ts";

/** Where V8's report of a fatal error begins. It goes on to the end of the process. */
const REPORT = /^(?:<--- Last few GCs --->|FATAL ERROR: |# Fatal |#$)/;

/** Loads and runs the program in this process, and explains where the system does not let it open its own files. */
async function runHere(): Promise<void> {
  try {
    await import("./main.ts");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EMFILE" && code !== "ENFILE") throw error;
    console.error("Too many files are open to load the program. Allow 128 or more (ulimit -n).");
    process.exit(EXIT.failed);
  }
}

/** Runs the program in another process, and ends with its exit code; where it crashed, with words and the code of a failure. */
function runApart(): void {
  const killedBefore = memoryKills();
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ["inherit", "inherit", "pipe", "ipc"],
    windowsHide: true,
  });
  // A system that allows no second process runs the program in this one.
  child.once("error", () => child.pid === undefined && void runHere());
  for (const name of STOP_SIGNALS) process.on(name, () => child.kill(name));
  const lastLines: string[] = [];
  let reported = false;
  if (child.stderr !== null)
    eachLine(child.stderr, (line) => {
      reported ||= REPORT.test(line);
      if (!reported || process.env.BIAPY_DEBUG) console.error(line);
      keepLine(lastLines, line);
    });
  child.once("close", (code, signal) => {
    if (child.pid === undefined) return;
    if (code !== null && !reported) process.exit(code);
    if (STOP_SIGNALS.some((name) => name === signal)) process.exit(EXIT.stopped);
    const outOfMemory = memoryKills() > killedBefore;
    const trained = process.argv.includes("--config") || process.argv.includes("-cfg");
    console.error(explainExit({ code, signal, lastLines, outOfMemory, trained }));
    process.exit(EXIT.failed);
  });
}

// A debugger is attached to one process.
if (process.connected || debuggerUrl() !== undefined) await runHere();
else runApart();
