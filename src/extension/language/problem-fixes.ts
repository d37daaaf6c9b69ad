/** Locates a problem in a text, and the edits that fix it. */
import { distance } from "fastest-levenshtein";
import { parseDocument } from "../../config/document.ts";
import { keyFacts, keyGroups, keyLimits } from "../../config/keys.ts";
import { isGone } from "../../config/older-keys.ts";
import { yamlTree } from "../../config/yaml-tree.ts";
import type { Problem } from "../../facts/run-events.ts";
import { countedLines, insertionOf, type KeyLine, keyLines } from "./key-lines.ts";
import { yamlText } from "./yaml-text.ts";

/** Keys whose value is a folder of images or masks. */
export const IMAGE_FOLDER_KEY = /^DATA\.(TRAIN|VAL|TEST)\.(GT_)?PATH$/;

/** A stretch of a text, counted from 0; the end is not part of it. */
export interface TextRange {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** A quick fix. */
export interface TextFix {
  /** `Change to masking`. */
  readonly title: string;
  readonly edits: readonly { readonly range: TextRange; readonly text: string }[];
}

function onLine(line: number, startColumn: number, endColumn: number): TextRange {
  return { startLine: line, startColumn, endLine: line, endColumn };
}

/** Returns the line of a problem, if it opens a key. */
function keyLineOf(text: string, { line }: Problem): KeyLine | undefined {
  return keyLines(text).find((each) => each.line === (line ?? 1) - 1);
}

/** What to underline: a wrong name, a wrong value, or the section that lacks a key. */
export function problemRange(text: string, problem: Problem): TextRange {
  const found = keyLineOf(text, problem);
  if (found !== undefined && problem.key !== undefined) {
    const { line, indent, nameEnd, valueStart, valueEnd } = found;
    const known = keyFacts.has(problem.key) && problem.key === found.key;
    const repeated = keyLines(text).some((each) => each.key === found.key && each.line < line);
    return known && !repeated && valueEnd > valueStart
      ? onLine(line, valueStart, valueEnd)
      : onLine(line, indent, nameEnd);
  }
  const line = (problem.line ?? 1) - 1;
  const content = text.split(/\r?\n/)[line] ?? "";
  const start = Math.min(Math.max((problem.column ?? 1) - 1, 0), Math.max(content.length - 1, 0));
  return onLine(line, start, Math.max(content.length, start + 1));
}

/** Returns fixes from a problem's suggestion; none if there is none or the result would not be YAML. */
export function problemFixes(text: string, problem: Problem): TextFix[] {
  return fixesOf(text, problem).filter(({ edits }) => staysYaml(text, edits));
}

function staysYaml(text: string, edits: TextFix["edits"]): boolean {
  const isYaml = (each: string) => {
    try {
      yamlTree(each, "");
      return true;
    } catch {
      return false;
    }
  };
  return !isYaml(text) || isYaml(applied(text, edits));
}

/** Whether a text gives a key this value. A change of one line does not where a value continues on the next one. */
function givesValue(text: string, key: string, value: string): boolean {
  const valueIn = (each: string, name: string) =>
    parseDocument("", each, (group) => keyGroups.has(group)).document.entries.find(
      (entry) => entry.key === name,
    )?.value;
  const given = valueIn(text, key);
  // In a file that is not YAML there are no values yet.
  return given === undefined || JSON.stringify(given) === JSON.stringify(valueIn(`VALUE: ${value}`, "VALUE"));
}

/** Applies edits as the editor does: all positions refer to the original text. */
export function applied(text: string, edits: TextFix["edits"]): string {
  const lines = text.split("\n");
  const offsets = lines.map((_, line) =>
    lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0),
  );
  const offset = (line: number, column: number) => (offsets[line] ?? text.length) + column;
  return [...edits]
    .sort((one, other) => other.range.startLine - one.range.startLine)
    .reduce((done, { range, text: inserted }) => {
      const from = offset(range.startLine, range.startColumn);
      return done.slice(0, from) + inserted + done.slice(offset(range.endLine, range.endColumn));
    }, text);
}

function fixesOf(text: string, problem: Problem): TextFix[] {
  const { key, suggestion } = problem;
  if (key === undefined || suggestion === undefined) return [];
  if (keyFacts.has(key)) {
    const isFolder = IMAGE_FOLDER_KEY.test(key);
    const values = isFolder ? [yamlText(suggestion)] : nearest(text, key, suggestion);
    return values.flatMap((value) => {
      const fix = valueFix(text, key, value);
      return givesValue(applied(text, fix.edits), key, value) ? [fix] : [];
    });
  }
  const found = countedLines(text).find((each) => each.key === key);
  if (found === undefined || !(keyFacts.has(suggestion) || keyGroups.has(suggestion))) return [];
  if (parentOf(key) === parentOf(suggestion)) return [renameFix(found, suggestion)];
  const movable = keyFacts.has(suggestion) && found.valueEnd > found.valueStart;
  return movable ? moveFix(text, found, suggestion) : [];
}

/** The suggestion, then other values that are as similar to the text: `ADAMM` is as close to ADAM as to ADAMW. */
function nearest(text: string, key: string, suggestion: string): string[] {
  const found = countedLines(text).find((each) => each.key === key);
  const names = (keyLimits.get(key)?.allowed ?? []).map(String);
  if (found === undefined || !names.includes(suggestion)) return [suggestion];
  const written = (text.split(/\r?\n/)[found.line] ?? "").slice(found.valueStart, found.valueEnd);
  if (names.includes(written)) return [suggestion];
  const apart = Math.min(distance(written, suggestion), written.length / 2);
  const others = names.filter(
    (name) => name !== "" && name !== suggestion && distance(written, name) <= apart,
  );
  return [suggestion, ...others];
}

const parentOf = (key: string) => key.slice(0, Math.max(key.lastIndexOf("."), 0));

function renameFix({ line, indent, nameEnd }: KeyLine, suggestion: string): TextFix {
  const name = suggestion.slice(suggestion.lastIndexOf(".") + 1);
  return { title: `Change to ${name}`, edits: [{ range: onLine(line, indent, nameEnd), text: name }] };
}

/** Returns the edits that set a key, or add it where it belongs. */
export function valueFix(text: string, key: string, suggestion: string): TextFix {
  const found = countedLines(text).find((each) => each.key === key);
  if (found === undefined)
    return { title: `Add ${key}: ${suggestion}`, edits: [insertionEdit(text, key, suggestion)] };
  const { line, valueStart, valueEnd } = found;
  const space = valueStart === valueEnd ? " " : "";
  return {
    title: `Change to ${suggestion}`,
    edits: [{ range: onLine(line, valueStart, valueEnd), text: space + suggestion }],
  };
}

/** Removes a line and sections that it leaves without meaning, and writes its value under the right key. */
function moveFix(text: string, found: KeyLine, suggestion: string): TextFix[] {
  const { line, valueStart, valueEnd } = found;
  const lines = text.split(/\r?\n/);
  const value = (lines[line] ?? "").slice(valueStart, valueEnd);
  const removed = removedLines(text, found, suggestion);
  if (removed === undefined) return [];
  const [first, last] = removed;
  const without = lines.map((each, at) => (at >= first && at <= last ? "" : each)).join("\n");
  const removal = { range: { startLine: first, startColumn: 0, endLine: last + 1, endColumn: 0 }, text: "" };
  return [{ title: `Move to ${suggestion}`, edits: [removal, insertionEdit(without, suggestion, value)] }];
}

/**
 * The lines of the outermost section that contains this key and otherwise only keys that have no meaning any more (BiaPy fails on
 * TEST.STATS without FULL_IMG); else the key's line. Undefined if an earlier key of the same name would then count instead.
 */
function removedLines(
  text: string,
  { key }: KeyLine,
  suggestion: string,
): readonly [first: number, last: number] | undefined {
  const [all, counted] = [keyLines(text), countedLines(text)];
  const lineOf = (name: string) => counted.find((each) => each.key === name)?.line ?? -1;
  let removed: readonly [number, number] | undefined;
  for (let name = key; name !== ""; name = parentOf(name)) {
    const inside = counted.filter((each) => each.key.startsWith(`${name}.`));
    if (inside.some((each) => each.key !== key && !key.startsWith(`${each.key}.`) && !isGone(each.key)))
      break;
    const [first, start] = [lineOf(name), lineOf(parentOf(name))];
    if (all.some((each) => each.key === name && each.line > start && each.line < first))
      // A section that receives the moved key stays, and still replaces the earlier one.
      return suggestion.startsWith(`${name}.`) ? removed : undefined;
    removed = [first, Math.max(first, ...inside.map((each) => each.line))];
  }
  return removed;
}

/** The edit that adds a key that the text lacks. */
function insertionEdit(text: string, key: string, value: string): TextFix["edits"][number] {
  const { afterLine, lines } = insertionOf(text, key, value);
  const column = (text.split(/\r?\n/)[afterLine] ?? "").length;
  const at = Math.max(afterLine, 0);
  const start = afterLine < 0 ? "" : "\n";
  return { range: onLine(at, column, column), text: start + lines.join("\n") };
}
