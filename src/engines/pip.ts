/** Installs Python packages into an environment with its own pip. */
import type { Program } from "../runs/record.ts";
import { capture } from "./capture.ts";

export interface PipOptions {
  readonly signal: AbortSignal;
  /** Called with lines that show the progress. */
  readonly shown?: (line: string) => void;
}

/** Packages could not be installed. The message says why and what to do. */
export class PipError extends Error {
  override readonly name = "PipError";
}

const LIMIT_MS = 60 * 60_000;
const SHOWN = /^\s*(Collecting|Downloading|Installing collected packages|Building|Preparing)\b.*/;

/** Returns the command that installs packages into an interpreter's environment. */
export function pipInstall(python: string, packages: readonly string[]): Program {
  return { command: python, args: ["-m", "pip", "install", "--progress-bar", "off", ...packages] };
}

/** Runs an installation until it ends. Throws `PipError`. */
export async function runPip({ command, args }: Program, { signal, shown }: PipOptions): Promise<void> {
  const printed = (text: string) => {
    const line = text.split(/\r?\n/).findLast((each) => SHOWN.test(each));
    if (line !== undefined) shown?.(line.trim().slice(0, 100));
  };
  const { code, output } = await capture(command, args, { timeoutMs: LIMIT_MS, signal, printed });
  if (signal.aborted) throw new PipError("The installation was canceled.");
  if (code !== 0) throw new PipError(explained(output));
}

function explained(output: string): string {
  if (/No space left on device/.test(output)) return "The disk is full: make room and try again.";
  if (/ensurepip is not available|No module named venv/.test(output))
    return "This Python cannot make environments. On Debian and Ubuntu: sudo apt install python3-venv.";
  if (/No module named pip/.test(output))
    return "This environment has no pip. Install the package with what made the environment (uv, conda).";
  if (/externally-managed-environment/.test(output))
    return "This Python belongs to the system, which installs its packages itself. Use an environment of your own: BiaPy: Create Python Environment makes one.";
  if (/Permission denied|Access is denied/.test(output))
    return "You may not write to this environment. Ask who keeps it, or use one of your own.";
  if (
    /Temporary failure in name resolution|getaddrinfo failed|Failed to establish|ConnectionError/.test(output)
  )
    return "The package index cannot be reached. Check the network or the proxy settings, and try again.";
  const lines = output.trim().split("\n");
  return `pip failed: ${lines.findLast((line) => /^ERROR:|error/i.test(line)) ?? lines.at(-1) ?? "it gave no reason"}`;
}
