/** What a caught value says: anything can be thrown. */

/** Returns the message of an error, or the value as text. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the code of an error of the system, such as `ENOENT`; undefined for other values. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether an error is the reason of an aborted signal: a stop that was requested, not a failure. */
export const isStop = (error: unknown, signal: AbortSignal): boolean =>
  signal.aborted && error === signal.reason;
