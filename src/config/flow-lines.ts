/** Lists and mappings in brackets whose lines are indented less than YAML asks: PyYAML reads them, YAML's other parsers do not. */

/** The beginning of a value in brackets: after a key, a dash or at the beginning of a line. */
const OPENING = /(?:^|:\s+|-\s+)(?:&[\w-]+\s+)?(?=[[{])/gm;
const QUOTED = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^']|'')*'/y;

/** Puts each value in brackets on one line. Comments in it become spaces, so that all places in the text stay. */
export function joinedFlowLines(text: string): string {
  const characters = text.split("");
  for (OPENING.lastIndex = 0; ; ) {
    const found = OPENING.exec(text);
    if (found === null) return characters.join("");
    OPENING.lastIndex = joinFrom(text, characters, found.index + found[0].length);
  }
}

/** Joins the lines of the value in brackets at `from`. Returns its end. */
function joinFrom(text: string, characters: string[], from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const character = text[at] ?? "";
    QUOTED.lastIndex = at;
    if (
      (character === '"' || character === "'") &&
      /[\s,:[{(]/.test(text[at - 1] ?? "") &&
      QUOTED.test(text)
    ) {
      at = QUOTED.lastIndex - 1;
    } else if (character === "#" && /\s/.test(text[at - 1] ?? "")) {
      for (; at < text.length && text[at] !== "\n"; at++) characters[at] = " ";
      at--;
    } else if (character === "\n" || character === "\r") characters[at] = " ";
    else if (character === "[" || character === "{") depth++;
    else if ((character === "]" || character === "}") && --depth === 0) return at + 1;
  }
  // Without its closing bracket it is no value: nothing is changed.
  for (let place = from; place < text.length; place++) characters[place] = text[place] ?? "";
  return text.length;
}
