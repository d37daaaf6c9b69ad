/** Finds the lines of keys from indentation only, so that it works in unfinished files. */
import { indentWidth } from "../../config/tabs.ts";

/** A line that opens a key. Lines and columns count from 0, as editors do. */
export interface KeyLine {
  /** Dotted, such as `DATA.TRAIN.PATH`. */
  readonly key: string;
  readonly line: number;
  /** Characters before the name. */
  readonly indent: number;
  /** Columns before the name. */
  readonly width: number;
  readonly nameEnd: number;
  /** The value's columns, without a comment; both are `nameEnd + 1` if there is no value. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

const KEY = /^(\s*)("?)(\w+)\2\s*:(?=\s|$)/;
/** A value ends before ` #`, unless that is within quotes. */
const VALUE = /^\s*((?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(?!\s+#|\s*$).)*)/;

/** All lines that open a key, from top to bottom. */
export function keyLines(text: string): KeyLine[] {
  const found: KeyLine[] = [];
  const above: KeyLine[] = [];
  for (const [line, content] of text.split(/\r?\n/).entries()) {
    const match = KEY.exec(content);
    if (match === null) continue;
    const [opening, indentation = "", quote = "", name = ""] = match;
    const [indent, width] = [indentation.length, indentWidth(indentation)];
    while (above.length > 0 && (above.at(-1)?.width ?? 0) >= width) above.pop();
    const parent = above.at(-1);
    const key = parent === undefined ? name : `${parent.key}.${name}`;
    const nameEnd = indent + name.length + 2 * quote.length;
    const rest = content.slice(opening.length);
    const value = (rest.startsWith("#") ? "" : VALUE.exec(rest)?.[1]) ?? "";
    const commentOnly = value.startsWith("#");
    const valueStart =
      value === "" || commentOnly ? opening.length : opening.length + (rest.length - rest.trimStart().length);
    const entry = {
      key,
      line,
      indent,
      width,
      nameEnd,
      valueStart,
      valueEnd: valueStart + (commentOnly ? 0 : value.length),
    };
    found.push(entry);
    above.push(entry);
  }
  return found;
}

/**
 * The lines that count, each key once: of a key or section that is written several times, PyYAML reads the last one only. Lines below
 * the earlier ones are left out with them.
 */
export function countedLines(text: string): KeyLine[] {
  const lines = keyLines(text);
  const last = new Map(lines.map((each) => [each.key, each]));
  // The indentation of the replaced section around a line.
  let replaced = Number.POSITIVE_INFINITY;
  return lines.filter((each) => {
    if (each.width > replaced) return false;
    const counts = last.get(each.key) === each;
    replaced = counts ? Number.POSITIVE_INFINITY : each.width;
    return counts;
  });
}

/** Returns the section of a line with this indentation in columns; empty at the top level. */
export function sectionAt(text: string, line: number, width: number): string {
  const parent = keyLines(text).findLast((each) => each.line < line && each.width < width);
  return parent?.key ?? "";
}

/** Returns the file's indentation per level; `otherwise` if it has no second level yet. */
export function indentUnit(lines: readonly KeyLine[], otherwise = 4): number {
  return lines.find(({ width }) => width > 0)?.width ?? otherwise;
}

/** `name:` lines, each deeper than the one before, the last with a value. */
export function nestedLines(names: readonly string[], indent: number, unit: number, value: string): string[] {
  return names.map((name, depth) => {
    const end = depth === names.length - 1 ? ` ${value}` : "";
    return `${" ".repeat(indent + depth * unit)}${name}:${end}`;
  });
}

/** Where a key that the file lacks belongs: after `line`, written as `lines`, with the sections that are missing. */
export interface Insertion {
  readonly afterLine: number;
  readonly lines: readonly string[];
}

/** Puts a new key at the end of the deepest of its sections that the file has. */
export function insertionOf(text: string, key: string, value: string): Insertion {
  const lines = countedLines(text);
  const unit = indentUnit(lines);
  const section = lines.findLast(
    (each) => key.startsWith(`${each.key}.`) && deepest(lines, key) === each.key,
  );
  if (section === undefined) {
    const last = text.split(/\r?\n/).findLastIndex((content) => content.trim() !== "");
    return { afterLine: last, lines: nestedLines(key.split("."), 0, unit, value) };
  }
  const children = lines.filter((each) => each.key.startsWith(`${section.key}.`));
  const indent = children[0]?.width ?? section.width + unit;
  const names = key.slice(section.key.length + 1).split(".");
  return { afterLine: endOfBlock(text, section), lines: nestedLines(names, indent, unit, value) };
}

/** The longest section of a key that the file has. */
function deepest(lines: readonly KeyLine[], key: string): string | undefined {
  const sections = lines.filter((each) => key.startsWith(`${each.key}.`)).map((each) => each.key);
  return sections.sort((a, b) => b.length - a.length)[0];
}

/** The last line that is indented deeper than the line that opens a block. */
function endOfBlock(text: string, { line, width }: KeyLine): number {
  const lines = text.split(/\r?\n/);
  let end = line;
  for (const [at, text] of lines.entries()) {
    if (at <= line || text.trim() === "") continue;
    if (indentWidth(text.slice(0, text.length - text.trimStart().length)) <= width) break;
    end = at;
  }
  return end;
}
