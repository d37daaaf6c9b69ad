/** BiaPy replaces tabs before it parses a configuration, so that lines may be indented by them. */

const SPACES = "  ";

export interface UntabbedText {
  readonly text: string;
  /** Returns the place in the file of a place in {@link text}. */
  original(offset: number): number;
}

/** Replaces each tab by two spaces. */
export const withoutTabs = (text: string): string => text.replaceAll("\t", SPACES);

/** Replaces tabs, and finds places of the result in the original. */
export function untabbed(given: string): UntabbedText {
  if (!given.includes("\t")) return { text: given, original: (offset) => offset };
  const text = withoutTabs(given);
  const places = new Uint32Array(text.length + 1);
  let to = 0;
  for (let from = 0; from < given.length; from++) {
    const width = given[from] === "\t" ? SPACES.length : 1;
    places.fill(from, to, to + width);
    to += width;
  }
  places[to] = given.length;
  return { text, original: (offset) => places[offset] ?? given.length };
}

/** Returns the number of columns of an indentation. */
export const indentWidth = (indentation: string): number => withoutTabs(indentation).length;
