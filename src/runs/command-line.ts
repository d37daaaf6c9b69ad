/** A program as a line that a person can paste into a terminal. Nothing is ever run from such a line. */
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

/** With an option a line, as BiaPy's documentation writes commands, for `sh`. */
export function commandLines({ command, args }: Program): string {
  const lines: string[] = [];
  for (const [index, word] of [command, ...args].entries()) {
    const text = quoted(word, "linux");
    const isValue = index > 0 && args[index - 2]?.startsWith("--") && !word.startsWith("-");
    if (isValue) lines.push(`${lines.pop()} ${text}`);
    else lines.push(index === 0 ? text : `    ${text}`);
  }
  return lines.join(" \\\n");
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
