/** Copies bytes of any origin into a file, with a limit and a checksum. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

interface CopySettings {
  /** Largest accepted size, in bytes. Defaults to no limit. */
  readonly most?: number;
  /** The error for more bytes. */
  readonly tooLarge: () => Error;
  readonly progress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
  /** Whether the file may exist. Defaults to true. */
  readonly overwrite?: boolean;
}

/**
 * Writes a stream to a file, and returns its SHA-256 in hexadecimal digits. If it fails, what was written stays. Throws the signal's reason
 * when aborted.
 */
export async function copyStream(
  source: NodeJS.ReadableStream | ReadableStream<Uint8Array>,
  path: string,
  { most = Number.POSITIVE_INFINITY, tooLarge, progress = () => {}, signal, overwrite = true }: CopySettings,
): Promise<string> {
  const hash = createHash("sha256");
  let size = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      progress(size);
      done(size > most ? tooLarge() : null, chunk);
    },
  });
  try {
    await pipeline(source, watch, createWriteStream(path, { flags: overwrite ? "w" : "wx" }), { signal });
  } catch (error) {
    // Node's own error of an aborted pipeline has the reason as its cause.
    if (error instanceof Error && error.name === "AbortError") signal?.throwIfAborted();
    throw error;
  }
  return hash.digest("hex");
}
