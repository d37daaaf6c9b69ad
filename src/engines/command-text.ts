/** A program and its arguments as a line that a person can read, copy and run. Programs themselves are started without a shell. */
import type { Program } from "../runs/record.ts";

export type Shell = "sh" | "powershell";

/** Characters that mean nothing to either shell. */
const PLAIN = /^[\w@%+=:,./-]+$/;
/** In PowerShell `@`, `%` and `,` have a meaning, and paths have backslashes. */
const PLAIN_POWERSHELL = /^[\w+=:./\\-]+$/;

function quoted(argument: string, shell: Shell): string {
  if (shell === "sh") return PLAIN.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
  if (PLAIN_POWERSHELL.test(argument)) return argument;
  // Windows programs take a double quote only behind a backslash, and backslashes before it doubled.
  const escaped = argument.replace(/(\\*)"/g, '$1$1\\"').replaceAll("'", "''");
  return `'${escaped}'`;
}

/** The command on one line. `&` is how PowerShell runs a program whose name is quoted. */
export function commandText({ command, args }: Program, shell: Shell): string {
  const line = [command, ...args].map((argument) => quoted(argument, shell)).join(" ");
  return shell === "powershell" && line.startsWith("'") ? `& ${line}` : line;
}

/** The command with an option a line, as the documentation writes it, for `sh`. */
export function commandLines({ command, args }: Program): string {
  const words = [command, ...args].map((argument) => quoted(argument, "sh"));
  const lines: string[] = [];
  for (const [index, word] of words.entries()) {
    const isValue = index > 0 && words[index - 1].startsWith("--") && !word.startsWith("-");
    if (isValue || index === 0) lines.push(`${isValue ? `${lines.pop()} ` : ""}${word}`);
    else lines.push(`    ${word}`);
  }
  return lines.join(" \\\n");
}
