/** Explains in words why a process ended that did not say so itself. */

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that it printed. */
  readonly lastLines: readonly string[];
  /** Whether the system's records say that it was killed for its memory; SIGKILL alone does not say who sent it. */
  readonly outOfMemory?: boolean;
  /** Whether the process trained, so that it can be resumed. Defaults to true. */
  readonly trained?: boolean;
}

/** Lines kept of what a process printed. */
const KEPT_LINES = 60;

/** A frame of a native stack, as Node.js prints many of them after its reason: ` 1: 0xb8ced1 node::Abort()`. */
const NATIVE_FRAME = /^\s*\d+: (?:0x)?[\da-f]{6,}/i;

/** Adds a line to the last ones that a process printed. */
export function keepLine(lastLines: string[], line: string): void {
  if (NATIVE_FRAME.test(line)) return;
  lastLines.push(line);
  if (lastLines.length > KEPT_LINES) lastLines.shift();
}

/** V8's record of its last collection: the megabytes that objects took. */
const COLLECTED = /Mark-Compact (?:\(reduce\) )?[\d.]+ \([\d.]+\) -> ([\d.]+)/;

const MEMORY = "Smaller TRAIN.BATCH_SIZE, DATA.PATCH_SIZE or network need less.";

/** Causes that the output shows, the most specific first. */
const PRINTED: readonly (readonly [RegExp, (found: RegExpMatchArray) => string])[] = [
  [
    /CUDA out of memory|CUDA error: out of memory|OutOfMemoryError/i,
    () => `The graphics card's memory is full. ${MEMORY}`,
  ],
  [
    /CUDA driver version is insufficient|no CUDA-capable device|Found no NVIDIA driver/i,
    () => "No graphics card could be used: its driver is missing or too old.",
  ],
  [
    /ModuleNotFoundError: No module named '([^']+)'/,
    ([, module]) =>
      `The Python environment lacks the module ${module}. Install it there, or select another engine.`,
  ],
  [
    /Cannot find (?:module|package) '([^']+)'/,
    ([, module]) => `A part of the extension is missing (${module}). Install the extension again.`,
  ],
  [
    // The last two are PyTorch's, of a checkpoint that did not fit.
    /No space left on device|ENOSPC|PytorchStreamWriter failed|basic_ios::clear: iostream error/,
    () => "The disk is full. What was written before is kept; make room and resume.",
  ],
  [
    /Permission denied: '?([^'\n]+)|EACCES[^']*'([^']+)'/,
    ([, one, other]) => `${one ?? other} may not be accessed.`,
  ],
  [
    /permission denied while trying to connect to the Docker|Cannot connect to the Docker daemon/i,
    () => "Docker is not running, or you may not use it.",
  ],
  [/(?:Reached heap limit|Ineffective mark-compacts)[\s\S]*heap out of memory/, fullHeap],
  [
    // The last is koffi's, of the stack of a call.
    /out of memory|process OOM|Cannot allocate memory|MemoryError|bad_alloc|Failed to allocate [\d.]+ \w+ of memory/,
    () => `This computer has too little free memory. ${MEMORY}`,
  ],
];

/** The last line of a Python traceback, such as `ValueError: …`. */
const PYTHON_ERROR = /^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Exit): (.+)$/;

const CRASH_SIGNALS: readonly string[] = ["SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE", "SIGTRAP"];
/** Windows' exit codes: access violation, stack overflow, heap corruption, fail fast. */
const CRASH_CODES: readonly number[] = [0xc0000005, 0xc00000fd, 0xc0000374, 0xc0000409];
/** Windows' exit codes: no memory, commitment limit. */
const MEMORY_CODES: readonly number[] = [0xc0000017, 0xc000012d];
/** Shells add this to the number of the signal that ended a process. */
const SHELL_SIGNAL = 128;

/** Explains V8's full heap, which holds objects and texts; pixels and weights lie outside it. */
function fullHeap({ input = "" }: RegExpMatchArray): string {
  const [, megabytes] = [...input.matchAll(new RegExp(COLLECTED, "g"))].at(-1) ?? [];
  const size = megabytes === undefined ? "" : ` (${Math.round(Number(megabytes))} MB)`;
  return `Names of images, patches, metadata or other lists take more memory than Node.js allows for them${size}. Use fewer images or patches at once, or allow more with the environment variable NODE_OPTIONS=--max-old-space-size=8192 (in MB).`;
}

/** Explains the end of a process in words. */
export function explainExit({ code, signal, lastLines, outOfMemory = false, trained = true }: Exit): string {
  const subject = trained ? "The training" : "The program";
  const resume = trained ? " Resume continues from the last checkpoint." : "";
  const text = lastLines.join("\n");
  for (const [pattern, explain] of PRINTED) {
    const found = text.match(pattern);
    if (found !== null) return explain(found);
  }
  if (MEMORY_CODES.includes(code ?? 0)) return `This computer has too little free memory. ${MEMORY}`;
  if (signal === "SIGKILL" || code === SHELL_SIGNAL + 9)
    return outOfMemory
      ? `The system ended ${subject.toLowerCase()} because memory ran out. ${MEMORY}`
      : `${subject} was ended from outside (SIGKILL): by a person, a job scheduler, or the system.${resume}`;
  if (CRASH_SIGNALS.includes(signal ?? "") || CRASH_CODES.includes(code ?? 0))
    return `${subject} crashed (${signal ?? `0x${code?.toString(16)}`}).${resume}`;
  const python = lastLines.findLast((line) => PYTHON_ERROR.test(line));
  if (python !== undefined) return python;
  if (signal !== null) return `${subject} was ended from outside (${signal}).${resume}`;
  const last = lastLines.findLast((line) => line.trim() !== "");
  return `${subject} ended with exit code ${code}${last === undefined ? "" : `: ${last.trim()}`}`;
}

/** Explains why a program could not be started. */
export function explainStart(command: string, error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT")
    return `${command} was not found, or the folder to run it in. Select another engine, or set its path in the settings.`;
  if (error.code === "EACCES") return `${command} may not be run by you.`;
  return `${command} could not be started: ${error.message}`;
}
