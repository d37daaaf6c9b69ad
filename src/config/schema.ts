/** The JSON schema of a configuration, generated from the key table, for completion, hover and validation in editors. */

import { IMAGE_METRICS, LOSSES } from "../facts/losses.ts";
import { keyDescriptions } from "./descriptions.ts";
import { type KeyFact, keyFacts, keyGroups, keyLimits, type Limits, rangeText, TYPE_NAMES } from "./keys.ts";
import { type PythonValue, written } from "./python-value.ts";

/** A JSON schema (draft 7) with the additions of VS Code's language services. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/**
 * Text that represents another type: a pattern applies only to text, so it is combined with the other type's limits.
 * `(256, 256, 1)` is a tuple as Python writes it, and a quoted `[a, b]` is read as a list.
 */
const SEQUENCE_TEXT = "^\\s*(\\(.*\\)|\\[.*\\])\\s*$";
/** `1.E-4`: not every YAML parser takes it for a number. */
const NUMBER_TEXT = "^[-+]?(\\d[\\d_]*\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?$";
/** `True` as text, as YAML 1.2 parsers read it. */
const TRUTH_TEXT = "^([Tt]rue|TRUE|[Ff]alse|FALSE)$";
const NUMBER_OR_NONE_TEXT = `${NUMBER_TEXT}|^None$`;

/** Returns a snippet of a tuple. It has no tab stops, so that Enter after a fully typed value starts a new line. */
function tupleSnippet(description: string, ...numbers: readonly string[]) {
  const body = `(${numbers.join(",")})`;
  return { label: body, description, body };
}

/** Returns a snippet of a list of one name. */
function itemSnippet(name: string, description: string) {
  const body = `[${name}]`;
  return { label: body, description, body };
}

const METRICS = [
  ...IMAGE_METRICS.map((name) => itemSnippet(name, "restored images")),
  itemSnippet("iou", "segmentation"),
];

/** Completion aids for a key, beyond its type. */
const SNIPPETS: Readonly<Record<string, readonly ReturnType<typeof tupleSnippet>[]>> = {
  "DATA.PATCH_SIZE": [
    tupleSnippet("2D, grayscale: y, x, channels", "128", "128", "1"),
    tupleSnippet("2D, small, for a laptop", "64", "64", "1"),
    tupleSnippet("2D, RGB", "256", "256", "3"),
    tupleSnippet("3D, grayscale: z, y, x, channels", "32", "64", "64", "1"),
  ],
  "DATA.TRAIN.OVERLAP": [
    tupleSnippet("2D: y, x", "0.5", "0.5"),
    tupleSnippet("3D: z, y, x", "0.5", "0.5", "0.5"),
  ],
  "DATA.TEST.OVERLAP": [
    tupleSnippet("2D: y, x", "0.25", "0.25"),
    tupleSnippet("3D: z, y, x", "0.25", "0.25", "0.25"),
  ],
  "LOSS.TYPE": Object.entries(LOSSES).map(([name, { workflows }]) => itemSnippet(name, workflows.join(", "))),
  "TRAIN.METRICS": METRICS,
  "TEST.METRICS": METRICS,
};

/** Returns a snippet of a key's default list on one line. By default, the YAML server writes an item per line. */
function listSnippet({ type, default: value }: KeyFact) {
  if (type !== "list" || asWritten({ type, default: value }) !== value) return undefined;
  const text = JSON.stringify(value).replaceAll(",", ", ").replaceAll("true", "True");
  return [{ label: text, description: "default", body: text }];
}

/** Returns the schema of the whole file, a nested object for every group of keys. */
export function configurationSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "BiaPy configuration",
    ...groupSchema(""),
    description: "Configuration of a BiaPy 3.7.1 workflow",
  };
}

/** Returns the schema of a group such as `DATA.TRAIN`; the empty name stands for the file. */
function groupSchema(group: string): JsonSchema {
  const prefix = group === "" ? "" : `${group}.`;
  const names = new Set(
    [...keyFacts.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length).split(".")[0]),
  );
  const properties = [...names].map((name) => {
    const key = prefix + name;
    return [name, keyGroups.has(key) ? groupSchema(key) : keySchema(key)] as const;
  });
  return {
    // A section whose keys are all commented out is null.
    type: ["object", "null"],
    ...descriptions(group, ""),
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

function descriptions(key: string, facts: string): JsonSchema {
  const text = keyDescriptions.get(key);
  if (text === undefined) return {};
  const markdownDescription = facts === "" ? text : `${text}\n\n${facts}`;
  return { title: key, description: text.replaceAll("`", ""), markdownDescription };
}

function keySchema(key: string): JsonSchema {
  const fact = keyFacts.get(key);
  if (fact === undefined) throw new Error(`BiaPy has no key ${key}.`);
  const limits = keyLimits.get(key) ?? {};
  const snippets = SNIPPETS[key] ?? listSnippet(fact);
  return {
    ...descriptions(key, factsLine(fact, limits)),
    ...valueSchema(key, fact, limits),
    default: asWritten(fact),
    ...(snippets && { defaultSnippets: snippets }),
  };
}

/** Formats a default as in a file: tuples as in Python, a list of one name or number without brackets. */
function asWritten({ type, default: value }: KeyFact): PythonValue {
  if (!Array.isArray(value)) return value;
  if (type === "tuple") return written(value).replaceAll(", ", ",");
  return value.length === 1 && typeof value[0] !== "object" ? value[0] : value;
}

/** Returns a key's facts for a tooltip: `number, from 0 to 1 · default 0.1`. */
function factsLine({ type, default: value }: KeyFact, limits: Limits): string {
  const range = rangeText(limits);
  const names = limits.allowed?.filter((name) => name !== "").map((name) => `\`${name}\``);
  const choice = names === undefined ? "" : `, of ${names.join(", ")}`;
  const text = Array.isArray(value) && type === "list" ? JSON.stringify(value) : written(value);
  return `*${TYPE_NAMES[type]}${range === undefined ? "" : `, ${range}`}${choice} · default* ${text === "" ? "*empty*" : `\`${text}\``}`;
}

function range({ least, most, open }: Limits): JsonSchema {
  return {
    ...(least !== undefined && { [open ? "exclusiveMinimum" : "minimum"]: least }),
    ...(most !== undefined && { [open ? "exclusiveMaximum" : "maximum"]: most }),
  };
}

function valueSchema(key: string, fact: KeyFact, limits: Limits): JsonSchema {
  const { allowed } = limits;
  switch (fact.type) {
    case "bool":
      return { type: ["boolean", "string"], pattern: TRUTH_TEXT };
    case "int":
      return { type: "integer", ...(allowed && { enum: allowed }), ...range(limits) };
    case "float":
      return { type: ["number", "string"], ...range(limits), pattern: NUMBER_TEXT };
    case "NoneType":
      return { type: ["number", "null", "string"], ...range(limits), pattern: NUMBER_OR_NONE_TEXT };
    case "str":
      return fact.default === "" ? emptyableText(limits) : textSchema(key, limits);
    case "tuple":
      return alternatives(key, { tuple: SEQUENCE, list: arrayOf(itemSchema(limits)) });
    case "list":
      // A single item is accepted as a list of one.
      return alternatives(
        key,
        allowed === undefined
          ? {
              list: arrayOf(itemSchema(limits)),
              text: { type: "string" },
              number: { type: "number", ...range(limits) },
            }
          : { name: textSchema(key, limits), list: arrayOf(textSchema(key, limits)), tuple: SEQUENCE },
      );
  }
}

const SEQUENCE = { type: "string", pattern: SEQUENCE_TEXT };

function arrayOf(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

/** Returns the schema of a value of several kinds. The YAML server distinguishes them by title, and shows the title of the value's kind. */
function alternatives(key: string, kinds: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { anyOf: Object.entries(kinds).map(([kind, schema]) => ({ title: `${key} (${kind})`, ...schema })) };
}

/** Returns the schema of a text that may be empty: an empty key is null. */
function emptyableText({ allowed }: Limits): JsonSchema {
  return { type: ["string", "null"], ...(allowed && { enum: [...allowed, null] }) };
}

function textSchema(key: string, { allowed, anyCase }: Limits): JsonSchema {
  if (allowed === undefined) return { type: "string" };
  const names = { type: "string", enum: allowed };
  if (!anyCase) return names;
  const pattern = `^(${allowed.map((name) => inAnyCase(String(name))).join("|")})$`;
  return alternatives(key, { name: names, capitals: { type: "string", pattern, not: { enum: allowed } } });
}

function inAnyCase(name: string): string {
  return [...name]
    .map((letter) =>
      /[a-z]/.test(letter) ? `[${letter}${letter.toUpperCase()}]` : letter.replace(/\W/, "\\$&"),
    )
    .join("");
}

/** Returns the schema of a list's items. Those without limits may be of any kind, such as lists. */
function itemSchema(limits: Limits): JsonSchema {
  if (limits.least === undefined) return {};
  return { type: ["number", "string"], ...range(limits), pattern: NUMBER_TEXT };
}
