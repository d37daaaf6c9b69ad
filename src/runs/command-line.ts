/** A program as a line that a person can paste into a terminal. Nothing is ever run from such a line. */
import { basename, isAbsolute, relative } from "node:path";
import type { Program, RunCommand } from "./record.ts";

/** On one line, for `sh`, or on Windows for PowerShell. */
export function commandLine(
  { command, args }: Program,
  platform: NodeJS.Platform = process.platform,
): string {
  const line = [command, ...args].map((word) => quoted(word, platform)).join(" ");
  // PowerShell takes a quoted first word for a text unless it is called.
  return platform === "win32" && line.startsWith("'") ? `& ${line}` : line;
}

/** What a command does, to be read and not to be pasted: paths in its folder as they are from there, others by their last part. */
export function shortCommandLine(command: RunCommand): string {
  const { cwd, command: program, args } = forTerminal(command);
  const short = (word: string) => {
    if (!isAbsolute(word)) return word;
    const inside = relative(cwd, word);
    return inside === "" ? "." : inside.startsWith("..") || isAbsolute(inside) ? basename(word) : inside;
  };
  return commandLine({ command: short(program), args: args.map(short) });
}

/** With an option and its value a line, as BiaPy's documentation writes commands, for `sh`. */
export function commandLines({ command, args }: Program): string {
  const lines = [[command]];
  for (const word of args) {
    const [first, ...more] = lines.at(-1) ?? [];
    const begins = lines.length === 1;
    const isFull = first.startsWith("-") && (more.length > 0 || first.includes("="));
    // What stands before the first long option is one thing, such as `python -u -m module`.
    const isOption = word.startsWith("--") || (word.startsWith("-") && !begins);
    if (isOption || isFull) lines.push([word]);
    else lines.at(-1)?.push(word);
  }
  return lines.map((words) => words.map((word) => quoted(word, "linux")).join(" ")).join(" \\\n    ");
}

/** One word of a command. */
export function quoted(word: string, platform: NodeJS.Platform = process.platform): string {
  return platform === "win32" ? quotedForPowerShell(word) : quotedForPosix(word);
}

function quotedForPosix(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Within single quotes nothing has a meaning to PowerShell but the quote itself. */
function quotedForPowerShell(word: string): string {
  if (/^[\w+=:./\\-]+$/.test(word)) return word;
  // Windows programs take a double quote only behind a backslash, and backslashes before it doubled.
  const escaped = word.replace(/(\\*)"/g, '$1$1\\"').replaceAll("'", "''");
  return `'${escaped}'`;
}

/** The same training, told to a person: progress bars in place of events. */
export function forTerminal(command: RunCommand): RunCommand {
  return command.output === "events"
    ? { ...command, args: command.args.filter((argument) => argument !== "--events") }
    : command;
}
