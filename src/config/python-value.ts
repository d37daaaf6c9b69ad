/** Values of BiaPy's configurations: YAML 1.1 as PyYAML reads it, then Python literals as yacs reads them. */

export type PythonValue =
  | null
  | boolean
  | number
  | string
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue };

/** Whether a value is null, a boolean, number or text, or a list or plain object of such values. */
export function isPythonValue(value: unknown): value is PythonValue {
  if (value === null || ["boolean", "number", "string"].includes(typeof value)) return true;
  if (Array.isArray(value)) return value.every(isPythonValue);
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(value).every(isPythonValue);
}

const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const NULL = /^(?:~|null|Null|NULL|)$/;
/** YAML 1.1's float needs a dot, and a sign in its exponent: `1e-4` is text. `1:30.5` is 90.5. */
const YAML_FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$/;
const YAML_INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;
const YAML_NAN = /^\.(?:nan|NaN|NAN)$/;
const YAML_INT = /^([-+]?)(?:(0b[0-1_]+)|(0x[0-9a-fA-F_]+)|0([0-7_]+)|(0|[1-9][0-9_]*))$/;
/** `1:30` is 90. */
const SEXAGESIMAL = /^([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)$/;
const YAML_DATE =
  /^[0-9]{4}-(?:[0-9]{2}-[0-9]{2}|[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$/;

/** Returns the value of a YAML scalar: quoted text stays text. */
export function yamlScalar(text: string, plain: boolean): PythonValue {
  if (!plain) return text;
  if (TRUE.test(text)) return true;
  if (FALSE.test(text)) return false;
  if (NULL.test(text)) return null;
  return yamlNumber(text) ?? text;
}

/** Whether PyYAML reads a plain scalar as a date or a time, which BiaPy refuses. */
export const isYamlDate = (text: string): boolean => YAML_DATE.test(text);

/**
 * Returns the value and the notation of a scalar with a tag (`!!float 1e-4`); undefined where PyYAML fails.
 *
 * @param tag `int`, `float`, `bool` or `null`
 */
export function taggedScalar(text: string, tag: string): { value: PythonValue; text: string } | undefined {
  const value = yamlScalar(text, true);
  if (tag === "null") return { value: null, text };
  if (tag === "bool") return typeof value === "boolean" ? { value, text } : undefined;
  const number = typeof value === "number" ? value : Number(text.replaceAll("_", "") || Number.NaN);
  if (Number.isNaN(number) || (tag === "int" && !Number.isInteger(value))) return undefined;
  const written = String(number);
  return { value: number, text: tag === "float" && /^-?\d+$/.test(written) ? `${written}.0` : written };
}

function yamlNumber(text: string): number | undefined {
  const plain = text.replaceAll("_", "");
  if (YAML_FLOAT.test(text) && !plain.includes(":")) return Number(plain);
  const infinite = YAML_INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  if (YAML_NAN.test(text)) return Number.NaN;
  const signed = (sign: string | undefined, size: number) => (sign === "-" ? -size : size);
  const whole = YAML_INT.exec(text);
  if (whole !== null) {
    const [, sign, binary, hexadecimal, octal, decimal] = whole.map((group: string | undefined) =>
      group?.replaceAll("_", ""),
    );
    if (octal !== undefined) return signed(sign, Number.parseInt(octal || "0", 8));
    return signed(sign, Number(binary ?? hexadecimal ?? decimal));
  }
  const [, sign, digits] = SEXAGESIMAL.exec(text)?.map((group) => group.replaceAll("_", "")) ?? [];
  // Whole numbers do not begin with 0.
  if (digits === undefined || (digits.startsWith("0") && !digits.includes("."))) return undefined;
  const total = digits.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  return signed(sign, total);
}

/** Whether PyYAML reads a plain scalar as a floating-point number. */
export const isYamlFloat = (text: string): boolean => YAML_FLOAT.test(text);

/**
 * Returns the value of a key's text as yacs decodes it: a Python literal if it is one (`(256, 256, 1)`, `1e-4`, `True`, `None`),
 * otherwise the text itself.
 */
export function decoded(text: string): PythonValue {
  const reader = new LiteralReader(text);
  const value = reader.whole();
  return value === undefined ? text : value;
}

const PYTHON_NUMBER =
  /^(?:([-+])[ \t]*)?((?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+(?:_\d+)*)?)(?![\w.])/;
const PYTHON_RADIX =
  /^(?:([-+])[ \t]*)?(0(?:[xX](?:_?[\da-fA-F])+|[oO](?:_?[0-7])+|[bB](?:_?[01])+))(?![\w.])/;
const PYTHON_STRING = /^'((?:[^'\\\n]|\\.)*)'|^"((?:[^"\\\n]|\\.)*)"/;
const PYTHON_NAME = /^(?:True|False|None)(?!\w)/;
const NAMES: Readonly<Record<string, PythonValue>> = { True: true, False: false, None: null };

/** Maximum nesting of brackets in a literal. */
const DEEPEST = 50;

/** Reads a Python literal: numbers, strings, True, False, None, tuples, lists and dicts of them. */
class LiteralReader {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  /** Returns the literal if the whole text is one; else undefined. */
  whole(): PythonValue | undefined {
    this.skip();
    if (this.at === this.text.length) return undefined;
    const first = this.item();
    if (first === undefined) return undefined;
    this.skip();
    // `1, 2` is a tuple too.
    const items = [first];
    let comma = false;
    while (this.take(",")) {
      comma = true;
      this.skip();
      if (this.at === this.text.length) break;
      const item = this.item();
      if (item === undefined) return undefined;
      items.push(item);
      this.skip();
    }
    if (this.at !== this.text.length) return undefined;
    return comma ? items : first;
  }

  private item(): PythonValue | undefined {
    if (this.take("(")) return this.sequence(")");
    if (this.take("[")) return this.sequence("]");
    if (this.take("{")) return this.dict();
    const rest = this.text.slice(this.at);
    const name = PYTHON_NAME.exec(rest)?.[0];
    if (name !== undefined) return this.taken(name, NAMES[name]);
    const quoted = PYTHON_STRING.exec(rest);
    if (quoted !== null) return this.taken(quoted[0], quoted[1] ?? quoted[2]);
    const [number, sign, size = ""] = PYTHON_RADIX.exec(rest) ?? PYTHON_NUMBER.exec(rest) ?? [];
    if (number === undefined || /^0\d/.test(size)) return undefined;
    const value = Number(size.replaceAll("_", ""));
    return this.taken(number, sign === "-" ? -value : value);
  }

  /** Reads the rest of a dict whose keys are strings. */
  private dict(): PythonValue | undefined {
    if (++this.depth > DEEPEST) return undefined;
    const entries: [string, PythonValue][] = [];
    for (this.skip(); !this.take("}"); this.skip()) {
      const key = this.item();
      this.skip();
      if (typeof key !== "string" || !this.take(":")) return undefined;
      this.skip();
      const value = this.item();
      if (value === undefined) return undefined;
      entries.push([key, value]);
      this.skip();
      if (!this.take(",") && this.text[this.at] !== "}") return undefined;
    }
    this.depth--;
    return Object.fromEntries(entries);
  }

  private sequence(close: string): PythonValue | undefined {
    if (++this.depth > DEEPEST) return undefined;
    const items: PythonValue[] = [];
    let comma = false;
    for (this.skip(); !this.take(close); this.skip()) {
      const item = this.item();
      if (item === undefined) return undefined;
      items.push(item);
      this.skip();
      if (this.take(",")) comma = true;
      else if (this.text[this.at] !== close) return undefined;
    }
    this.depth--;
    // `(1)` is a number in brackets.
    return close === ")" && items.length === 1 && !comma ? items[0] : items;
  }

  private skip(): void {
    while (/[ \t\f\r\n]/.test(this.text[this.at] ?? "")) this.at++;
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private taken<T>(text: string, value: T): T {
    this.at += text.length;
    return value;
  }
}

/** Formats a value as it is written in a configuration. */
export function written(value: PythonValue): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  // Python needs a comma to distinguish a tuple of one from a value in brackets.
  if (Array.isArray(value)) return `(${value.map(written).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
