/**
 * Values whose lines are indented less than YAML asks: lists and mappings in brackets, and quoted texts. PyYAML reads them, YAML's other
 * parsers do not.
 */

const QUOTED = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^']|'')*'/y;
const TAG_OR_ANCHOR = /[&!]\S*/y;
const BLOCK_HEADER = /[|>][-+\d]*[ \t]*(?:#.*)?\r?$/my;
const INDENTATION = / */y;

/** Puts each value in brackets, and each quoted text, on one line. All other places in the text stay: spaces fill what becomes shorter. */
export function onOneLineEach(text: string): string {
  const characters = text.split("");
  // Whether a value may begin here.
  let opens = true;
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? "";
    if (character === "\n") {
      opens = true;
      at++;
    } else if (/\s/.test(character)) at++;
    else if (character === "#" && isAfterSpace(text, at)) at = endOfLine(text, at);
    else if (/[:?-]/.test(character) && /^\s?$/.test(text[at + 1] ?? "")) {
      opens = opens || character === ":";
      at++;
    } else if (!opens) at++;
    else {
      const property = matchEnd(TAG_OR_ANCHOR, text, at);
      opens = property !== undefined;
      at = property ?? valueEnd(text, characters, at);
    }
  }
  return characters.join("");
}

/** Joins the lines of the value that begins at a place, if it has brackets or quotes. Returns the place where to read on. */
function valueEnd(text: string, characters: string[], at: number): number {
  const character = text[at] ?? "";
  if (character === "[" || character === "{") return joinBrackets(text, characters, at);
  const quoted = matchEnd(QUOTED, text, at);
  if (quoted !== undefined) {
    joinQuoted(text, characters, at, quoted);
    return quoted;
  }
  return matchEnd(BLOCK_HEADER, text, at) === undefined ? at + 1 : endOfBlock(text, at);
}

/** Joins the lines of the value in brackets at `from`. Returns its end: the text's if a bracket is missing, and then nothing changes. */
function joinBrackets(text: string, characters: string[], from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const character = text[at] ?? "";
    const quoted = /[\s,:[{(]/.test(text[at - 1] ?? "") ? matchEnd(QUOTED, text, at) : undefined;
    if (quoted !== undefined) {
      joinQuoted(text, characters, at, quoted);
      at = quoted - 1;
    } else if (character === "#" && isAfterSpace(text, at)) {
      const end = endOfLine(text, at);
      characters.fill(" ", at, end);
      at = end - 1;
    } else if (character === "\n" || character === "\r") characters[at] = " ";
    else if (character === "[" || character === "{") depth++;
    else if ((character === "]" || character === "}") && --depth === 0) return at + 1;
  }
  for (let place = from; place < text.length; place++) characters[place] = text[place] ?? "";
  return text.length;
}

/** Joins the lines of the quoted text between two places, by YAML's rules. Keys and texts with empty lines stay as they are. */
function joinQuoted(text: string, characters: string[], from: number, to: number): void {
  const lines = text.slice(from, to).split(/\r?\n/);
  const [, ...following] = lines;
  const isKept =
    following.length === 0 ||
    following.some((line) => line.trim() === "" || /^(?:---|\.\.\.)(?:\s|$)/.test(line)) ||
    lines.some((line) => /\\[ \t]+$/.test(line)) ||
    /^[ \t]*:(?:\s|$)/.test(text.slice(to, endOfLine(text, to)));
  if (isKept) return;
  const joined = following.reduce(
    (before, line) =>
      text[from] === '"' && /(?:^|[^\\])(?:\\\\)*\\$/.test(before)
        ? before.slice(0, -1) + line.trimStart()
        : `${before.trimEnd()} ${line.trimStart()}`,
    lines[0] ?? "",
  );
  for (let place = from; place < to; place++) characters[place] = joined[place - from] ?? " ";
}

function endOfBlock(text: string, at: number): number {
  const indentation = widthAt(text, text.lastIndexOf("\n", at) + 1);
  for (let line = endOfLine(text, at) + 1; line < text.length; line = endOfLine(text, line) + 1) {
    const isBlank = text.slice(line, endOfLine(text, line)).trim() === "";
    if (!isBlank && widthAt(text, line) <= indentation) return line;
  }
  return text.length;
}

const widthAt = (text: string, line: number) => (matchEnd(INDENTATION, text, line) ?? line) - line;

const isAfterSpace = (text: string, at: number) => /^\s?$/.test(text[at - 1] ?? "");

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** Returns the end of a pattern's match at a place; undefined without one. */
function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
