/**
 * Runs a program until the process that asked for it ends: `companion.mjs PROGRAM ARGUMENTS`, with a pipe as standard input. The
 * system closes the pipe with its writer, however that ends. The program's output is this process's own.
 */
import { spawn } from "node:child_process";
import { endTree } from "./end-process.ts";

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error("companion.mjs needs a program to run.");
  process.exit(2);
}
const child = spawn(program, args, {
  stdio: ["ignore", "inherit", "inherit"],
  // The leader of a process group, which is ended as a whole.
  detached: process.platform !== "win32",
  windowsHide: true,
});
child.once("error", ({ message }) => {
  console.error(message);
  process.exit(1);
});
child.once("exit", (code) => process.exit(code ?? 1));
process.stdin.once("close", () => child.pid !== undefined && endTree(child.pid)).resume();
