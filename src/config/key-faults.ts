/** Checks the value of a single key: its type, its notation and its limits. */
import { closest, distance } from "fastest-levenshtein";
import type { Problem } from "../facts/run-events.ts";
import type { ConfigEntry } from "./document.ts";
import {
  type KeyFact,
  type KeyType,
  keyFacts,
  keyLimits,
  type Limits,
  rangeText,
  TYPE_NAMES,
} from "./keys.ts";
import { decoded, isYamlDate, isYamlFloat, type PythonValue, written } from "./python-value.ts";

/** What is wrong with a value. */
export interface Fault {
  readonly message: string;
  readonly suggestion?: string;
  /** Whether the value is of the right type, but not one of those that the key takes. */
  readonly ofLimits?: boolean;
}

/** Returns what BiaPy refuses of an entry; undefined for a valid one. */
export function faultOf(entry: ConfigEntry): Fault | undefined {
  const { key, value } = entry;
  const fact = keyFacts.get(key);
  if (fact === undefined) {
    return value === null
      ? { message: `${key} has no keys below it, which BiaPy refuses: write some or remove the line.` }
      : { message: `${key} is a section that holds keys, not a value.` };
  }
  if (entry.ofYaml === true && typeof value === "string" && isYamlDate(value)) {
    const message = `${key}: BiaPy reads ${value} as a date, which it refuses: quote it.`;
    return { message, suggestion: key.endsWith("PATH") ? `./${value}` : `'${value}'` };
  }
  if (!hasType(entry, fact))
    return (
      otherwiseWritten(entry, fact) ?? {
        message: `${key} is ${expected(fact.type)}, such as ${example(key, fact)}, not ${written(value)}.`,
      }
    );
  const limits = keyLimits.get(key);
  const fault = limits === undefined ? undefined : outside(key, value, limits);
  return fault && { ...fault, ofLimits: true };
}

/** Warns of values that only the embedded engine accepts, such as `0` for a key that is `0.5` by default. */
export function refusedByBiapy({ key, value, text = "", place }: ConfigEntry): Problem[] {
  if (typeof value === "string" && value === text && typeof decoded(text) !== "string") {
    const suggestion = key.endsWith("PATH") ? `./${text}` : undefined;
    const message = `${key}: BiaPy itself reads ${text} as a Python value, even in quotes, and refuses it here.`;
    return [{ severity: "warning", key, ...place, message, suggestion }];
  }
  const isFloat = keyFacts.get(key)?.type === "float" && typeof value === "number";
  if (!isFloat || text === "" || isFraction(text)) return [];
  const suggestion = yamlFloat(value);
  const message = `${key}: BiaPy itself takes ${text.trim()} for a whole number and refuses it here; ${suggestion} works everywhere.`;
  return [{ severity: "warning", key, ...place, message, suggestion }];
}

/** Returns what is expected of a value of a type: `a whole number`. */
const expected = (type: KeyType): string =>
  type === "bool" || type === "str" ? TYPE_NAMES[type] : `a ${TYPE_NAMES[type]}`;

function example(key: string, fact: KeyFact): string {
  const allowed = keyLimits.get(key)?.allowed?.filter((each) => each !== "");
  if (fact.type === "list" && Array.isArray(fact.default) && fact.default.length === 0) return "[a, b]";
  return written((fact.type === "str" ? allowed?.[0] : undefined) ?? fact.default) || "name";
}

/** Lists that accept a single number, which BiaPy wraps. */
const NUMBER_FOR_LIST =
  /^DATA\.NORMALIZATION\.(PERC_CLIP\.(LOWER|UPPER)_VALUE|ZERO_MEAN_UNIT_VAR\.(MEAN|STD)_VAL)$/;
/** Lists that accept a single fraction, if YAML reads it as one. */
const FRACTION_FOR_LIST: readonly string[] = ["TRAIN.LR", "TRAIN.LR_SCHEDULER.MIN_LR"];
/** Lists that accept a single name. */
const NAME_FOR_LIST: readonly string[] = ["TRAIN.OPTIMIZER", "LOSS.TYPE"];

/** Whether a number is written as a float, by Python's rules. */
const isFraction = (text: string) => /[.eE]/.test(text) && !/^[-+]?0[xX]/.test(text);

/** Whether BiaPy accepts a value for a key of this type. */
function hasType(
  { key, value, text = "", ofYaml }: ConfigEntry,
  { type, default: standard }: KeyFact,
): boolean {
  if (type === "bool") return typeof value === "boolean";
  if (type === "int") return typeof value === "number" && Number.isInteger(value) && !isFraction(text);
  if (type === "float") return Number.isFinite(value);
  if (type === "str") return typeof value === "string" || (value === null && standard === "");
  if (type === "NoneType") return value === null || Number.isFinite(value);
  // Lists and tuples are interchangeable.
  if (Array.isArray(value)) return !isNumeric(standard) || holdsNumbers(value);
  if (typeof value === "number" && NUMBER_FOR_LIST.test(key)) return true;
  if (typeof value === "number" && FRACTION_FOR_LIST.includes(key))
    return ofYaml === true && isYamlFloat(text);
  return typeof value === "string" && NAME_FOR_LIST.includes(key);
}

const isNumeric = (standard: PythonValue) =>
  Array.isArray(standard) && standard.length > 0 && holdsNumbers(standard);

/** Whether a value is a finite number or a sequence of them, sequences in it included. */
function holdsNumbers(value: PythonValue): boolean {
  return Array.isArray(value) ? value.every(holdsNumbers) : Number.isFinite(value);
}

/** Lists of one number for each level of a network. */
const PER_LEVEL = /^MODEL\.(YX_DOWN|Z_DOWN|ISOTROPY)$/;

/** Returns the fault of a correct value in the wrong notation. */
function otherwiseWritten({ key, value, text = "" }: ConfigEntry, fact: KeyFact): Fault | undefined {
  const { type } = fact;
  if (type === "int" && typeof value === "number" && Number.isInteger(value)) {
    const message = `${key} is a whole number; BiaPy refuses ${text} because of its decimal point.`;
    return { message, suggestion: String(value) };
  }
  if (typeof value === "number" && Number.isFinite(value) && FRACTION_FOR_LIST.includes(key)) {
    const suggestion = yamlFloat(value);
    const why = isFraction(text)
      ? `YAML's numbers need a dot (and a sign after e), so that BiaPy reads ${text} as text`
      : `BiaPy takes ${text} for a whole number and refuses it`;
    return { message: `${key}: ${why}. Write ${suggestion}.`, suggestion };
  }
  if (
    typeof value === "string" &&
    /^[-+]?\d+,\d+$/.test(value) &&
    (type === "float" || FRACTION_FOR_LIST.includes(key))
  ) {
    const suggestion = yamlFloat(Number(value.replace(",", ".")));
    return { message: `${key}: ${value} has a decimal comma. Write ${suggestion}.`, suggestion };
  }
  const ofList = type === "list" || type === "tuple";
  if (!ofList || value === null || typeof value === "object" || typeof value === "boolean") return undefined;
  // How often a number is to be written depends on other keys.
  const right =
    type === "list" && !PER_LEVEL.test(key) && (!isNumeric(fact.default) || Number.isFinite(value));
  const suggestion = right ? `[${text}]` : undefined;
  return { message: `${key} is ${expected(type)} (${example(key, fact)}), not ${text}.`, suggestion };
}

/** Formats a number with the dot and the sign that YAML 1.1 requires: `1.0e-5`. */
function yamlFloat(value: number): string {
  const text = String(value);
  if (/^-?\d+$/.test(text)) return `${text}.0`;
  return text.replace(/^(-?\d+)e/, "$1.0e");
}

/**
 * Returns the most similar value; for one that resembles none, the default. Another architecture is not a correction: `srunet` of earlier
 * versions is not a misspelled `seunet`.
 */
function likeliest(key: string, item: string | number, names: readonly string[]): string | undefined {
  const near = closest(String(item), names);
  const apart = distance(String(item), near);
  if (key === "MODEL.ARCHITECTURE" && (apart > 2 || item === "srunet")) return undefined;
  const standard = keyFacts.get(key)?.default;
  const resembles = apart < String(item).length;
  return !resembles && typeof standard === "string" && names.includes(standard) ? standard : near;
}

/** Returns the fault of a value, or of the first item of a list, that lies outside the limits. */
function outside(key: string, value: PythonValue, limits: Limits): Fault | undefined {
  const { allowed, anyCase, least, most, open } = limits;
  for (const item of [value].flat()) {
    if (allowed !== undefined && (typeof item === "string" || typeof item === "number")) {
      if (allowed.includes(anyCase ? String(item).toLowerCase() : item)) continue;
      const names = allowed.filter((each) => each !== "").map(String);
      const near =
        names.find((name) => name.toLowerCase() === String(item).toLowerCase()) ??
        likeliest(key, item, names);
      return {
        message: `${key} is one of ${names.join(", ")}; it cannot be ${written(item)}.`,
        suggestion: near,
      };
    }
    if (typeof item !== "number") continue;
    const low = least !== undefined && (open ? item <= least : item < least);
    const high = most !== undefined && (open ? item >= most : item > most);
    if (low || high) return { message: `${key} is ${rangeText(limits)}; it cannot be ${item}.` };
  }
  return undefined;
}
