/**
 * Precision of a training step. `mixed` computes matrix products and convolutions, and elementwise operations between them, in float16
 * and everything else in float32 (Micikevicius et al. 2018), as PyTorch's `autocast` does.
 */
export const PRECISIONS = ["single", "mixed"] as const;
export type Precision = (typeof PRECISIONS)[number];
