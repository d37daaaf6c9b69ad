/** Words of commands that are pasted into a terminal. */

/** Quotes one word of a command, for `sh` or, on Windows, for PowerShell. */
export function quoted(word: string, platform: NodeJS.Platform = process.platform): string {
  return platform === "win32" ? quotedForPowerShell(word) : quotedForPosix(word);
}

function quotedForPosix(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Quotes a word in single quotes, within which only the quote itself is special to PowerShell. */
function quotedForPowerShell(word: string): string {
  if (/^[\w+=:./\\-]+$/.test(word)) return word;
  // Windows programs need a backslash before a double quote, and doubled backslashes before that.
  const escaped = word.replace(/(\\*)"/g, '$1$1\\"').replaceAll("'", "''");
  return `'${escaped}'`;
}
