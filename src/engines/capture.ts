/** Runs short programs for their output. */
import { spawn } from "node:child_process";

export interface Captured {
  /** Exit code; null if the program could not be started, was ended or took too long. */
  readonly code: number | null;
  /** Standard output and standard error, interleaved. */
  readonly output: string;
  /** Why it could not be started, such as `ENOENT`. */
  readonly error?: string;
}

interface CaptureOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Called with the output so far. */
  readonly printed?: (text: string) => void;
}

/** Runs a program until it ends, without a shell. */
export function capture(
  command: string,
  args: readonly string[],
  { timeoutMs, cwd, signal, printed }: CaptureOptions,
): Promise<Captured> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      signal,
      windowsHide: true,
    });
    let output = "";
    const add = (chunk: string) => {
      output += chunk;
      printed?.(chunk);
    };
    child.stdout.setEncoding("utf8").on("data", add);
    child.stderr.setEncoding("utf8").on("data", add);
    child.once("error", ({ code }: NodeJS.ErrnoException) => resolve({ code: null, output, error: code }));
    child.once("close", (code) => resolve({ code, output }));
  });
}
