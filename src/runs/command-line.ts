/** Commands as lines to paste into a terminal. This program itself never runs such a line. */
import { basename, isAbsolute } from "node:path";
import { pathInside } from "../facts/files/lies-inside.ts";
import { quoted } from "../facts/shell-words.ts";
import type { Program, RunCommand } from "./record.ts";

/** Returns a command on one line, for `sh` or, on Windows, for PowerShell. */
export function commandLine(
  { command, args }: Program,
  platform: NodeJS.Platform = process.platform,
): string {
  const line = [command, ...args].map((word) => quoted(word, platform)).join(" ");
  // PowerShell treats a quoted first word as a string unless `&` calls it.
  return platform === "win32" && line.startsWith("'") ? `& ${line}` : line;
}

/** Returns a command to read, not to paste: paths in its folder are relative to it, others are shortened to their last part. */
export function shortCommandLine(command: RunCommand): string {
  const { cwd, command: program, args } = forTerminal(command);
  const short = (word: string) => {
    if (!isAbsolute(word)) return word;
    const inside = pathInside(word, cwd) ?? basename(word);
    return inside === "" ? "." : inside;
  };
  return commandLine({ command: short(program), args: args.map(short) });
}

/** Returns a command for `sh` with one option and its value per line, as in BiaPy's documentation. */
export function commandLines({ command, args }: Program): string {
  const lines = [[command]];
  for (const word of args) {
    const [first = "", ...more] = lines.at(-1) ?? [];
    const begins = lines.length === 1;
    const isFull = first.startsWith("-") && (more.length > 0 || first.includes("="));
    // Words before the first long option stay together, such as `python -u -m module`.
    const isOption = word.startsWith("--") || (word.startsWith("-") && !begins);
    if (isOption || isFull) lines.push([word]);
    else lines.at(-1)?.push(word);
  }
  return lines.map((words) => words.map((word) => quoted(word, "linux")).join(" ")).join(" \\\n    ");
}

/** Returns the same training with progress bars in place of events. */
export function forTerminal(command: RunCommand): RunCommand {
  return command.output === "events"
    ? { ...command, args: command.args.filter((argument) => argument !== "--events") }
    : command;
}
