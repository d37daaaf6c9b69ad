/** Reads files in folders that others may write to: a named pipe would block forever, and `/dev/zero` would never end. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import * as v from "valibot";
import { errorCode } from "../errors.ts";

/** A file is damaged, or not of the expected kind. The message continues the name of the file. */
export class DamagedFileError extends Error {
  override readonly name = "DamagedFileError";
}

/** Without O_NONBLOCK, opening a named pipe waits for a writer. Windows has no such flag. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Returns undefined for the error of a missing file. Throws `DamagedFileError` for other errors. */
function missing(error: unknown): undefined {
  const code = errorCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw new DamagedFileError(`cannot be opened (${code})`);
}

/** Opens a regular file for reading; undefined if it does not exist. Throws `DamagedFileError` for other kinds of files. */
export async function openRegularFile(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, READ);
  } catch (error) {
    return missing(error);
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new DamagedFileError("is not a regular file");
}

/**
 * Reads a text file of limited size; undefined if it does not exist. Throws `DamagedFileError`.
 */
export async function readText(path: string, maxBytes: number): Promise<string | undefined> {
  const file = await openRegularFile(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new DamagedFileError(`is larger than ${maxBytes} bytes`);
    return (await file.readFile()).toString("utf8");
  } finally {
    await file.close();
  }
}

/** Reads a text file synchronously, as {@link readText} does. */
export function readTextSync(path: string, maxBytes: number): string | undefined {
  let file: number;
  try {
    file = openSync(path, READ);
  } catch (error) {
    return missing(error);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new DamagedFileError("is not a regular file");
    if (found.size > maxBytes) throw new DamagedFileError(`is larger than ${maxBytes} bytes`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Reads and validates a JSON file; undefined if it does not exist. Throws `DamagedFileError`. */
export async function readJson<const S extends v.GenericSchema>(
  path: string,
  schema: S,
  maxBytes = 1 << 20,
): Promise<v.InferOutput<S> | undefined> {
  const text = await readText(path, maxBytes);
  return text === undefined ? undefined : parseJson(text, schema);
}

/** Parses and validates JSON. Throws `DamagedFileError`, which names the first key that is wrong. */
export function parseJson<const S extends v.GenericSchema>(text: string, schema: S): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DamagedFileError("is not JSON");
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const key = v.getDotPath(issue);
  throw new DamagedFileError(
    key === null ? `is invalid: ${issue.message}` : `has a wrong ${key}: ${issue.message}`,
  );
}
