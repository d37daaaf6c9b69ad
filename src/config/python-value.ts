/** Values as BiaPy's configurations write them: YAML with Python's tuples, `True`, `None` and `1.E-4`. */

export type PythonValue =
  | null
  | boolean
  | number
  | string
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue };

const NUMBER = /^[-+]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

/** The value of a scalar's text; quoted text is a tuple or list where it reads as one, and else a string. */
export function pythonValue(text: string, plain: boolean): PythonValue {
  const trimmed = text.trim();
  if (/^\(.*\)$|^\[.*\]$/s.test(trimmed)) return sequence(trimmed) ?? text;
  if (!plain) return text;
  return atom(trimmed);
}

function atom(text: string): PythonValue {
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^(|~|null|Null|NULL|None)$/.test(text)) return null;
  if (NUMBER.test(text)) return Number(text.replaceAll("_", ""));
  return text;
}

/** Sequences in sequences beyond this are text. */
const DEEPEST = 50;

/** Reads `(256, 256, 1)`, `[1, [2, 3]]` or `('a', "b")`; undefined where it is none. */
function sequence(text: string): PythonValue[] | undefined {
  let at = 0;
  const skip = () => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const list = (depth: number): PythonValue[] | undefined => {
    if (depth > DEEPEST) return undefined;
    const close = text[at] === "(" ? ")" : "]";
    at++;
    const items: PythonValue[] = [];
    for (skip(); text[at] !== close; skip()) {
      const item = value(depth);
      if (item === undefined) return undefined;
      items.push(item);
      skip();
      if (text[at] === ",") at++;
      else if (text[at] !== close) return undefined;
    }
    at++;
    return items;
  };
  const value = (depth: number): PythonValue | undefined => {
    if (text[at] === "(" || text[at] === "[") return list(depth + 1);
    const quoted = /^(['"])(.*?)\1/s.exec(text.slice(at));
    const raw = quoted?.[0] ?? /^[^,()[\]]+/.exec(text.slice(at))?.[0];
    if (raw === undefined) return undefined;
    at += raw.length;
    return quoted === null ? atom(raw.trim()) : quoted[2];
  };
  const items = list(1);
  skip();
  return at === text.length ? items : undefined;
}

/** How a person would write a value in the file. */
export function written(value: PythonValue): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `(${value.map(written).join(", ")})`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
