/** Tests whether a batch size fits in the memory of a device, in a separate process: running out of memory may make a GPU unusable. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadConfig } from "../config/config.ts";
import { EXIT } from "../facts/exit-codes.ts";
import { resultTree } from "../facts/result-tree.ts";
import { tryStep } from "../workflow/run.ts";
import type { Arguments } from "./arguments.ts";
import { runtimeOpener } from "./device.ts";

/**
 * Whether a step with this batch size fits, tested by this command with `--try_batch` in another process. Throws the signal's reason if it
 * is aborted.
 */
export async function fitsInProcess(batchSize: number, signal: AbortSignal): Promise<boolean> {
  const all = [...process.execArgv.filter((each) => !each.startsWith("--inspect")), ...process.argv.slice(1)];
  const child = spawn(process.execPath, [...all, "--try_batch", String(batchSize)], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    signal,
  });
  try {
    const [code]: (number | null)[] = await once(child, "exit");
    return code === EXIT.done;
  } finally {
    // A stop kills the other process, whose exit code then says nothing about the batch.
    signal.throwIfAborted();
  }
}

/** Runs one step with another batch size. Returns the exit code. */
export async function tryBatch(given: Arguments, batchSize: number): Promise<number> {
  const config = loadConfig(given.config).config.with("TRAIN.BATCH_SIZE", batchSize);
  const silent = { info: () => {}, warn: () => {}, progress: () => {} };
  const fits = await tryStep({
    config,
    tree: resultTree(given.result_dir, given.name, given.run_id),
    normalizePixels: given.norm_pix_loss === true,
    precision: given.precision,
    resume: given.resume === true,
    openRuntime: runtimeOpener(given, config, silent),
  });
  return fits ? EXIT.done : EXIT.failed;
}
