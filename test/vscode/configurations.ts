/** Configurations that the tests in VS Code open and train. */

/** A model on the sample images that two cores train in seconds. */
export function tinyModel(epochs: number): string {
  return `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: masking
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: 2d/train
    VAL:
        SPLIT_TRAIN: 0.2
    TEST:
        PATH: 2d/test
MODEL:
    ARCHITECTURE: mae
    VIT_TOKEN_SIZE: 16
    VIT_EMBED_DIM: 48
    VIT_NUM_LAYERS: 1
    VIT_NUM_HEADS: 2
    MAE_DEC_HIDDEN_SIZE: 48
    MAE_DEC_NUM_LAYERS: 1
    MAE_DEC_NUM_HEADS: 2
TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: 1.E-3
    BATCH_SIZE: 4
    EPOCHS: ${epochs}
    PATIENCE: ${epochs}
TEST:
    ENABLE: True
`;
}

/** The same for volumes. */
export function tinyVolumeModel(epochs: number): string {
  return tinyModel(epochs)
    .replace("NDIM: 2D", "NDIM: 3D")
    .replace("(64,64,1)", "(16,16,16,1)")
    .replace("VIT_TOKEN_SIZE: 16", "VIT_TOKEN_SIZE: 8")
    .replaceAll("PATH: 2d", "PATH: 3d");
}

const SMALL_UNET = `MODEL:
    ARCHITECTURE: unet
    FEATURE_MAPS: [8, 16, 32]
    DROPOUT_VALUES: [0., 0., 0.]
`;

const training = (epochs: number): string => `TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: 3.E-3
    BATCH_SIZE: 4
    EPOCHS: ${epochs}
    PATIENCE: ${epochs}
TEST:
    ENABLE: True
`;

/** A segmentation of the sample images in `folder`, by their masks, that two cores train in seconds. */
export const tinySegmentation = (epochs: number, folder = "2d"): string => `PROBLEM:
    TYPE: SEMANTIC_SEG
    NDIM: 2D
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: ${folder}/train
        GT_PATH: ${folder}/train-masks
    VAL:
        SPLIT_TRAIN: 0.25
    TEST:
        PATH: 2d/test
        GT_PATH: 2d/test-masks
        LOAD_GT: True
${SMALL_UNET}${training(epochs)}`;

/** A Noise2Void of the sample images. */
export const tinyDenoising = (epochs: number): string => `PROBLEM:
    TYPE: DENOISING
    NDIM: 2D
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: 2d/train
    VAL:
        SPLIT_TRAIN: 0.2
    TEST:
        PATH: 2d/test
${SMALL_UNET}${training(epochs)}`;

/** A network that restores degraded copies of the sample images. */
export const tinyRestoration = (epochs: number): string => `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: crappify
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: 2d/train
        SSL_SOURCE_DIR: worse/train
    VAL:
        SPLIT_TRAIN: 0.2
    TEST:
        PATH: 2d/test
        SSL_SOURCE_DIR: worse/test
${SMALL_UNET}${training(epochs)}`;
