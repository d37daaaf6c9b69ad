/** Configurations, and places to type at. */
import { keyFacts } from "../src/config/keys.ts";
import type { PythonValue } from "../src/config/python-value.ts";

/** A place to type at: below the line that opens `section`, after `typed`. */
export interface Place {
  readonly name: string;
  /** Dotted; empty at the top level. */
  readonly section: string;
  readonly typed: string;
  /** A completion that is offered there. */
  readonly expected: string;
}

export const places: readonly Place[] = [
  { name: "top level", section: "", typed: "", expected: "SYSTEM" },
  { name: "top level, typed", section: "", typed: "SYS", expected: "SYSTEM" },
  { name: "DATA.", section: "DATA", typed: "", expected: "NORMALIZATION" },
  { name: "DATA.TRAIN.", section: "DATA.TRAIN", typed: "", expected: "IN_MEMORY" },
  { name: "DATA.TRAIN., typed", section: "DATA.TRAIN", typed: "IN_", expected: "IN_MEMORY" },
  { name: "PROBLEM.", section: "PROBLEM", typed: "", expected: "DENOISING" },
  { name: "MODEL.", section: "MODEL", typed: "", expected: "LOAD_CHECKPOINT" },
  { name: "MODEL., typed", section: "MODEL", typed: "LOAD", expected: "LOAD_CHECKPOINT" },
  {
    name: "values of TRAIN.LR_SCHEDULER.NAME",
    section: "TRAIN.LR_SCHEDULER",
    typed: "NAME: ",
    expected: "onecycle",
  },
];

/** Returns a configuration with a new line at a place, and the cursor's position after it. */
export function marked(text: string, { section, typed }: Place) {
  const lines = text.replaceAll("\r", "").trimEnd().split("\n");
  const names = section === "" ? [] : section.split(".");
  let at = -1;
  for (const [depth, name] of names.entries())
    at = lines.findIndex((line, index) => index > at && line === `${"    ".repeat(depth)}${name}:`);
  const written = `${"    ".repeat(names.length)}${typed}`;
  const line = names.length === 0 ? lines.length : at + 1;
  const key = typed.split(":")[0];
  const others = lines.filter(
    (each, index) => !(typed.includes(":") && index > at && each.trim().startsWith(`${key}:`)),
  );
  others.splice(line, 0, written);
  return { text: `${others.join("\n")}\n`, line, column: written.length };
}

/** Returns a configuration of every other key with its default, without the completions that the places expect. */
export function longConfiguration(): string {
  const expected = places.map(({ section, expected }) =>
    section === "" ? expected : `${section}.${expected}`,
  );
  const written: string[] = [];
  let above: string[] = [];
  for (const [index, [key, { default: value }]] of [...keyFacts].entries()) {
    if (index % 2 === 1 || expected.some((each) => `${key}.`.startsWith(`${each}.`))) continue;
    const names = key.split(".");
    const shared = names.findIndex((name, depth) => name !== above[depth]);
    for (let depth = shared; depth < names.length; depth++) {
      const last = depth === names.length - 1;
      written.push(`${"    ".repeat(depth)}${names[depth]}:${last ? ` ${yamlOf(value)}` : ""}`);
    }
    above = names.slice(0, -1);
  }
  return `${written.join("\n")}\n`;
}

function yamlOf(value: PythonValue): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === "") return "''";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
