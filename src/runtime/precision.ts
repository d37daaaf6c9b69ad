/**
 * In what precision a training step computes. `mixed` has matrix products and convolutions, and what lies between them, in float16,
 * and all else in float32 (Micikevicius et al. 2018), as PyTorch's `autocast` has it.
 */
export const PRECISIONS = ["single", "mixed"] as const;
export type Precision = (typeof PRECISIONS)[number];
