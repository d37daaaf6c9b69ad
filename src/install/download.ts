/** Downloads of files that this program installs on demand. */
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { errorCode, errorMessage } from "../facts/errors.ts";
import { copyStream } from "../facts/files/copy-stream.ts";

/** A failed download or installation. The message says what to do. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

/**
 * Requests an address, and follows redirections. Throws {@link InstallError} if it cannot be reached or answers an error, and the signal's
 * reason when aborted.
 */
async function fetched(
  address: string,
  signal: AbortSignal,
  headers: Record<string, string> = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { signal, headers });
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error ? errorCode(error.cause) : undefined;
    const cause = code ?? errorMessage(error);
    throw new InstallError(
      `${new URL(address).host} cannot be reached (${cause}). Check the internet connection and the proxy settings.`,
    );
  }
  if (!response.ok)
    throw new InstallError(
      `${new URL(address).host} answered ${response.status} ${response.statusText} for ${address}.`,
    );
  return response;
}

/** Returns why a download ended early, as an error for the user; the signal's reason if it was aborted. */
function interrupted(name: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof InstallError) return error;
  if (signal.aborted) return signal.reason;
  return new InstallError(`The download of ${name} broke off (${errorMessage(error)}). Try it again.`);
}

/**
 * Downloads a text. Throws {@link InstallError}, and the signal's reason when aborted.
 *
 * @param most largest accepted text, in bytes
 * @returns the text, and its address after redirections
 */
export async function downloadText(
  address: string,
  most: number,
  signal: AbortSignal,
  headers: Record<string, string> = {},
): Promise<{ readonly text: string; readonly address: string }> {
  const { body, url } = await fetched(address, signal, headers);
  const chunks: Uint8Array[] = [];
  let received = 0;
  try {
    for await (const chunk of body ?? []) {
      received += chunk.length;
      if (received > most) throw new InstallError(`${address} is too large.`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw interrupted(address, error, signal);
  }
  return { text: Buffer.concat(chunks).toString("utf8"), address: url || address };
}

export interface DownloadOptions {
  /** The expected checksum. A file with another one is deleted. */
  readonly sha256?: string;
  readonly signal: AbortSignal;
  readonly progress: (bytes: number, total: number | undefined) => void;
  /** Largest accepted file, in bytes. */
  readonly most?: number;
}

/** Downloads a file; nothing of it stays if that fails. Throws {@link InstallError}, and the signal's reason when aborted. */
export async function downloadFile(
  address: string,
  path: string,
  { sha256, signal, progress, most }: DownloadOptions,
): Promise<void> {
  const { body, headers } = await fetched(address, signal);
  const name = basename(path);
  if (body === null) throw new InstallError(`${name} was downloaded without content.`);
  const announced = Number(headers.get("content-length") ?? Number.NaN);
  const total = Number.isFinite(announced) ? announced : undefined;
  try {
    const found = await copyStream(body, path, {
      most,
      tooLarge: () => new InstallError(`${name} is too large.`),
      progress: (received) => progress(received, total),
      signal,
    });
    if (sha256 !== undefined && found !== sha256)
      throw new InstallError(`${name} is damaged or another file: its SHA-256 differs. It was deleted.`);
  } catch (error) {
    await rm(path, { force: true });
    throw interrupted(name, error, signal);
  }
}
