/** Values of `--gpu` without an index, as BiaPy takes them: the first GPU. */
const NAMED_GPU = /^(cuda|mps)$/i;

/**
 * Returns the index of the GPU that a value of `--gpu` requests, the first of several; `none` for the CPU, `automatic` for the trainer's
 * choice.
 */
export function requestedGpu(value: string): number | "none" | "automatic" {
  if (/^auto/i.test(value)) return "automatic";
  const first = /\d+/.exec(value)?.[0] ?? (NAMED_GPU.test(value) ? "0" : undefined);
  return first === undefined ? "none" : Number(first);
}
