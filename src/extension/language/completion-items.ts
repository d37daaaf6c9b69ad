/** Full dotted keys for completion anywhere. The YAML server offers only the next level. */
import { keyFacts } from "../../config/keys.ts";
import { indentWidth } from "../../config/tabs.ts";
import { WORKFLOWS } from "../../facts/workflows.ts";
import { indentUnit, keyLines, nestedLines, sectionAt } from "./key-lines.ts";

/** A key that completion offers. */
export interface KeyProposal {
  /** Dotted. */
  readonly key: string;
  /** Column where the text to be replaced starts; it ends at the cursor. */
  readonly start: number;
  /** Text to insert at the cursor; absent if the key belongs to a section elsewhere in the file. */
  readonly lines?: readonly string[];
  /** Proposals of a lower rank come first. */
  readonly rank: number;
}

const TRAINED = Object.values(WORKFLOWS).map(({ problem }) => problem);

/** Sections of workflows and networks that only BiaPy itself trains. */
const BIAPY_ONLY = new RegExp(
  `^PROBLEM\\.(?!${TRAINED.join("|")})[A-Z_]+\\.|^MODEL\\.NAFNET\\.|^LOSS\\.(GAN|CONTRAST)\\.`,
);

/** Ranks the keys of the section at the cursor first, and those that only BiaPy itself uses last. */
function rankOf(key: string, prefix: string): number {
  if (BIAPY_ONLY.test(key)) return 3;
  return key.startsWith(prefix) ? 1 : 2;
}

/** Returns keys for a position where a key is being typed, with their missing parents; positions count from 0. */
export function keyProposals(text: string, line: number, column: number): KeyProposal[] {
  const before = (text.split(/\r?\n/)[line] ?? "").slice(0, column);
  const typed = /^(\s*)([\w.]*)$/.exec(before);
  if (typed === null) return [];
  const [, indentation = "", name = ""] = typed;
  const [indent, width] = [indentation.length, indentWidth(indentation)];
  const others = keyLines(text).filter((each) => each.line !== line);
  const known = new Set(others.map(({ key }) => key));
  const section = sectionAt(text, line, width);
  const unit = indentUnit(others, width || 4);
  const prefix = section === "" ? "" : `${section}.`;
  return [...keyFacts.keys()].flatMap((key) => {
    if (known.has(key)) return [];
    const rank = rankOf(key, prefix);
    const names = key.slice(prefix.length).split(".");
    // The YAML server offers the section's own keys, unless its name was typed before them.
    if (key.startsWith(prefix) && names.length === 1 && !name.includes(".")) return [];
    if (!key.startsWith(prefix) || (names.length > 1 && known.has(prefix + names[0])))
      return [{ key, start: indent, rank }];
    const lines = nestedLines(names, width, unit, "").map((each, depth) =>
      depth === 0 ? each.trimStart() : each,
    );
    return [{ key, start: indent, lines, rank }];
  });
}
