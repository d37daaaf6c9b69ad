/** Rows of a training log, ours or BiaPy's: one JSON object of numbers per line. */
import * as v from "valibot";
import { parseJson, readText, readTextSync } from "../facts/files/regular-file.ts";

/** Maximum size of a log in bytes: some hundred thousand epochs. */
const LARGEST = 64 << 20;

/** Numbers by name; null for values that are not finite. */
const row = v.record(v.string(), v.nullable(v.pipe(v.number(), v.finite())));
const epochNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The finite numbers of a row, including its epoch. */
export type LogRow = Readonly<Record<string, number>> & { readonly epoch: number };

/** Reads a log. Invalid lines are skipped, such as a truncated last line. Empty if the log cannot be read. */
export async function readRows(path: string): Promise<LogRow[]> {
  return rowsIn(await readText(path, LARGEST).catch(() => undefined));
}

/** Synchronous version of {@link readRows}. */
export function readRowsSync(path: string): LogRow[] {
  try {
    return rowsIn(readTextSync(path, LARGEST));
  } catch {
    return [];
  }
}

/** Returns the rows in a log's text. */
export function rowsIn(text = ""): LogRow[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      // Python writes NaN and Infinity, which JSON does not have.
      const { epoch, ...others } = parseJson(line.replace(/-?\b(NaN|Infinity)\b/g, "null"), row);
      const finite = Object.entries(others).filter((entry): entry is [string, number] => entry[1] !== null);
      return [{ ...Object.fromEntries(finite), epoch: v.parse(epochNumber, epoch) }];
    } catch {
      return [];
    }
  });
}
