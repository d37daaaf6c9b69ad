/**
 * How a run stands on disk: `state.json` in its record folder, one JSON object that is replaced as a whole.
 *
 * The engine writes it (`src/workflow/durable-run.ts`). Whoever starts, resumes, tests, supervises or lists runs asks it, and does not
 * guess from the files that are there. Every checkpoint carries the `training` of the state it was written under, so files that another
 * training left are recognized whatever moment a run was killed at.
 */
import { open } from "node:fs/promises";
import type { ResultTree } from "./result-tree.ts";

/**
 * `training` and `testing` are written while the engine works. A run whose process is gone keeps them: it was interrupted.
 */
export const RUN_STATUSES = ["training", "testing", "stopped", "finished", "failed"] as const;

export interface RunState {
  readonly format: 1;
  /** Identity of the training, random: 16 hexadecimal digits. */
  readonly training: string;
  readonly status: (typeof RUN_STATUSES)[number];
  /** Epochs done in the checkpoint that is furthest; 0 before the first one. */
  readonly epoch: number;
  /** Steps done in the epoch after those. */
  readonly step: number;
  /** TRAIN.EPOCHS. */
  readonly epochs: number;
  readonly best?: { readonly epoch: number; readonly loss: number };
  /** Whether nothing is left to train. */
  readonly trained: boolean;
  /** Files of an earlier training are being moved away: those that are still in place belong to it. */
  readonly settingAside?: boolean;
  /** Why the run failed. */
  readonly message?: string;
  /** When this was written, in milliseconds since the epoch. */
  readonly time: number;
}

/** The state of a run cannot be read; the message names the file, says why and what to do. */
export class RunStateError extends Error {
  override readonly name = "RunStateError";
}

/** Larger files are not states: this program writes a few hundred bytes. */
const MOST_BYTES = 1 << 16;

/** Reads the state of a run; undefined where it has none. Throws {@link RunStateError} for a file that is damaged. */
export async function readRunState({ stateFile, name, runId }: ResultTree): Promise<RunState | undefined> {
  const damaged = (reason: string) =>
    new RunStateError(
      `${stateFile} is damaged: ${reason}. Start run ${runId} of ${name} again, or use another --run_id.`,
    );
  const text = await readSmallFile(stateFile).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw damaged(error.code === undefined ? error.message : `it cannot be read (${error.code})`);
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged("it is not JSON");
  }
  const fault = faultOf(value);
  if (fault !== undefined) throw damaged(fault);
  return value as RunState;
}

async function readSmallFile(path: string): Promise<string> {
  const handle = await open(path, "r");
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new Error("it is not a file");
    if (status.size > MOST_BYTES) throw new Error(`it has ${status.size} bytes, which no state has`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What keeps a value from being a state. */
function faultOf(value: unknown): string | undefined {
  if (!isObject(value)) return "it is not an object";
  if (value.format !== 1) return "a newer version of this program wrote it";
  const wrong = Object.entries(FIELDS).find(([name, isRight]) => !isRight(value[name]));
  return wrong && `its "${wrong[0]}" is not what it should be`;
}

const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  training: (value) => typeof value === "string" && /^[0-9a-f]{16}$/.test(value),
  status: (value) => RUN_STATUSES.some((status) => status === value),
  epoch: isCount,
  step: isCount,
  epochs: isCount,
  best: (value) =>
    value === undefined || (isObject(value) && isCount(value.epoch) && Number.isFinite(value.loss)),
  trained: (value) => typeof value === "boolean",
  settingAside: (value) => value === undefined || typeof value === "boolean",
  message: (value) => value === undefined || typeof value === "string",
  time: (value) => Number.isFinite(value),
};
