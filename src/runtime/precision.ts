/**
 * Precision of a training step. `half-storage` computes everything in float32, and stores in float16 what the forward pass keeps for the
 * gradients (onnx/half-storage.ts). `mixed` computes matrix products and convolutions, and elementwise operations between them, in float16
 * and everything else in float32 (Micikevicius et al. 2018), as PyTorch's `autocast` does.
 */
export const PRECISIONS = ["single", "half-storage", "mixed"] as const;
export type Precision = (typeof PRECISIONS)[number];
