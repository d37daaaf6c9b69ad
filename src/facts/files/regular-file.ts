/** Reading files of a folder that anybody may have filled: a named pipe would block for ever, `/dev/zero` would never end. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import * as v from "valibot";
import { errorCode } from "../errors.ts";

/** A file is not what it should be; the message says what is wrong with it, to follow its name. */
export class DamagedFileError extends Error {
  override readonly name = "DamagedFileError";
}

/** Without O_NONBLOCK, opening a named pipe waits for a writer. Windows has no such flag. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Returns nothing for the error of a file that does not exist; throws `DamagedFileError` for any other. */
function missing(error: unknown): undefined {
  const code = errorCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw new DamagedFileError(`cannot be opened (${code})`);
}

/** Opens a regular file for reading. Returns nothing where there is none; throws `DamagedFileError` for anything else. */
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
 * Reads a text file of limited size. Returns nothing where there is none.
 *
 * Throws `DamagedFileError`.
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

/** Like {@link readText}, for callers that cannot wait. */
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

/** Reads a JSON file and validates it. Returns nothing where there is none; throws `DamagedFileError`. */
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
    key === null ? `is not what it should be: ${issue.message}` : `has a wrong ${key}: ${issue.message}`,
  );
}
