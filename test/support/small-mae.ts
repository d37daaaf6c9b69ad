import { samples } from "../workflow/command.ts";

/** A masked autoencoder that trains on the sample images in seconds. */
export function smallMae(patch: number, batchSize: number, epochs: number): string {
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (${patch},${patch},1)
  TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}
  VAL: {SPLIT_TRAIN: 0.2}
MODEL:
  ARCHITECTURE: mae
  MAE_MASK_TYPE: random
  VIT_TOKEN_SIZE: 16
  VIT_EMBED_DIM: 24
  VIT_NUM_LAYERS: 1
  VIT_NUM_HEADS: 3
  MAE_DEC_HIDDEN_SIZE: 16
  MAE_DEC_NUM_LAYERS: 1
  MAE_DEC_NUM_HEADS: 2
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: ${batchSize}, EPOCHS: ${epochs}}
TEST: {ENABLE: False}
`;
}
