/** Finds the largest batch for a device whose memory is too small. */
import { InputError } from "./input-error.ts";
import type { RunRequest } from "./run-request.ts";

/**
 * Returns the largest batch below `batchSize` that fits, to within an eighth; 0 if not even one patch fits.
 *
 * @param fits tells whether a batch of a size fits
 */
export async function largestBatch(
  batchSize: number,
  fits: (batchSize: number) => Promise<boolean>,
): Promise<number> {
  let [known, tooLarge] = [0, batchSize];
  while (tooLarge - known > Math.max(1, Math.floor(known / 8))) {
    const middle = Math.floor((known + tooLarge) / 2);
    if (await fits(middle)) known = middle;
    else tooLarge = middle;
  }
  return known;
}

/** Finds the largest batch that fits, and reports it as a problem of the configuration. */
export async function smallerBatch(
  { config, report, fits, signal }: Pick<RunRequest, "config" | "report" | "fits" | "signal">,
  device: string,
): Promise<InputError> {
  const key = "TRAIN.BATCH_SIZE";
  const batch = config.number(key);
  report({
    event: "log",
    level: "warning",
    message: `The memory of ${device} is too small for a batch of ${batch}.`,
  });
  const total = Math.ceil(Math.log2(batch)) + 1;
  let tried = 0;
  const found = await largestBatch(batch, async (size) => {
    signal.throwIfAborted();
    report({ event: "progress", label: `Trying a batch of ${size}`, done: Math.min(tried++, total), total });
    return fits(size);
  });
  const says =
    found > 0
      ? `a batch of ${batch} does not fit into the memory of ${device}; ${found} does.`
      : `not even a batch of one fits into the memory of ${device}: choose a smaller DATA.PATCH_SIZE or model, or --gpu "" for the CPU.`;
  return new InputError([config.problem(key, says, found > 0 ? String(found) : undefined)]);
}
