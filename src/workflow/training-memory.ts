/** Checks before training whether a step fits into the machine's memory. */

import { totalmem } from "node:os";
import type { Config } from "../config/config.ts";
import { bytes } from "../facts/format.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { StepMemory } from "../runtime/executable.ts";
import { InputError } from "./input-error.ts";

/** Memory of the machine, in bytes. */
export interface MachineMemory {
  /** Bytes that this process holds. */
  readonly held: number;
  /** Bytes that it can still allocate. */
  readonly free: number;
  /** Total bytes of the machine or the container. */
  readonly total: number;
}

/** Returns the memory of this process's machine or container. */
function machineMemory(): MachineMemory {
  const limit = process.constrainedMemory();
  return {
    held: process.memoryUsage.rss(),
    free: process.availableMemory(),
    total: limit > 0 ? Math.min(limit, totalmem()) : totalmem(),
  };
}

/** What {@link checkMemory} checks. */
export interface MemoryCheck {
  readonly config: Config;
  readonly report: ReportEvent;
  /** Memory of the training step and of validation. */
  readonly programs: readonly (StepMemory | undefined)[];
  /** Patches that a step computes at a time. */
  readonly batch: number;
  /** Patches of a step: TRAIN.BATCH_SIZE, or all where there are fewer. */
  readonly whole: number;
  /** Whether the device could store values in half precision, and does not. */
  readonly couldStoreHalf: boolean;
}

/**
 * Reports a training step that exceeds the free memory, with the batch that fits.
 *
 * @throws {InputError} if it takes more than the machine has
 */
export function checkMemory(
  { config, report, programs, batch, whole, couldStoreHalf }: MemoryCheck,
  machine = machineMemory(),
): void {
  // Programs share an arena: only the largest counts.
  const values = Math.max(0, ...programs.map((memory) => memory?.values ?? 0));
  const peak = machine.held + values;
  const impossible = peak > machine.total;
  if (values <= machine.free && !impossible) return;
  const room = Math.min(machine.free, machine.total - machine.held);
  const fitting = Math.floor((batch * room) / values);
  const partSize = fitting < 1 ? undefined : largestDivisor(whole, fitting);
  const says = `training takes about ${bytes(peak)} of memory for ${batch} ${batch === 1 ? "patch" : "patches"} at a time; the machine has ${bytes(machine.total)}, of which ${bytes(machine.held + machine.free)} are free for it. ${advice(fitting, whole, partSize)}${couldStoreHalf ? HALF_STORAGE : ""}`;
  const problem = config.problem("TRAIN.BATCH_SIZE", says, fitting > 0 ? String(fitting) : undefined);
  if (impossible) throw new InputError([{ ...problem, partSize }]);
  report({ event: "log", level: "warning", message: `TRAIN.BATCH_SIZE: ${says}`, partSize });
}

const HALF_STORAGE =
  " --precision half-storage needs up to half as much memory and rounds the values that are kept for the gradients.";

function advice(fitting: number, batch: number, part: number | undefined): string {
  if (part === undefined) return "Not even one patch fits: choose a smaller DATA.PATCH_SIZE or model.";
  return `${fitting} fit. --part_size ${part} keeps the batch of ${batch} and computes it in parts of ${part}, with the same result.`;
}

/** Returns the largest divisor of `whole` that is at most `limit`. */
export function largestDivisor(whole: number, limit: number): number {
  let divisor = Math.min(Math.floor(limit), whole);
  while (whole % divisor !== 0) divisor--;
  return divisor;
}
