/** MODEL.FREEZE_LAYERS_MATCHING: the weights that training freezes. */
import type { Config } from "./config.ts";

/** Returns the patterns that are searched for in weights' names. */
export const frozenPatterns = (config: Config): string[] => config.texts("MODEL.FREEZE_LAYERS_MATCHING");

/** Flags of a whole pattern in Python, such as `(?i)`. */
const FLAGS = /^\(\?([ims]+)\)/;

/** Converts one of Python's patterns to a regular expression; undefined if it is invalid or has other extensions of Python's. */
export function layerPattern(pattern: string): RegExp | undefined {
  const flags = FLAGS.exec(pattern)?.[1] ?? "";
  const own = pattern.replace(FLAGS, "").replaceAll(/\\([\s\S])|\(\?P(<)|\(\?P=(\w+)\)/g, inJavaScript);
  try {
    return new RegExp(own, `u${[...new Set(flags)].join("")}`);
  } catch {
    return undefined;
  }
}

/** Python's anchors of a whole text. */
const ANCHORS: Readonly<Record<string, string>> = { A: "(?<![\\s\\S])", Z: "(?![\\s\\S])" };

/** Returns what JavaScript has for an escaped character, for the beginning of a named group, or for a reference to one. */
function inJavaScript(whole: string, escaped?: string, opens?: string, name?: string): string {
  if (opens !== undefined) return "(?<";
  if (name !== undefined) return `\\k<${name}>`;
  if (escaped === undefined || /[a-zA-Z0-9]/.test(escaped)) return ANCHORS[escaped ?? ""] ?? whole;
  // Python allows a backslash before any punctuation, JavaScript only before its own.
  return `\\u{${escaped.codePointAt(0)?.toString(16) ?? ""}}`;
}
