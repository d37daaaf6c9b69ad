/** A program as a line that a person can paste into a terminal. Nothing is ever run from such a line. */
import type { Program, RunCommand } from "./record.ts";

export function commandLine(
  { command, args }: Program,
  platform: NodeJS.Platform = process.platform,
): string {
  const words = [command, ...args].map(platform === "win32" ? quotedForWindows : quotedForPosix);
  // PowerShell takes a quoted first word for a text unless it is called.
  const call = platform === "win32" && words[0].startsWith('"') ? "& " : "";
  return call + words.join(" ");
}

function quotedForPosix(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function quotedForWindows(word: string): string {
  return /^[\w@+=:./\\-]+$/.test(word) ? word : `"${word.replaceAll('"', '\\"')}"`;
}

/** The same training, told to a person: progress bars in place of events. */
export function forTerminal(command: RunCommand): RunCommand {
  return command.output === "events"
    ? { ...command, args: command.args.filter((argument) => argument !== "--events") }
    : command;
}
