/** Every network that restores images trains by WebGPU on the device alone, with the CPU's losses. */
import { test } from "node:test";
import { embeddedArchitectures } from "../../src/facts/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import type { LossTerm } from "../../src/training/losses.ts";
import { restorationProgram, UNET } from "../support/programs.ts";
import { trainsOnTheDevice } from "./on-device.ts";

const LEVELS: BuildArguments = {
  ...UNET,
  feature_maps: [8, 16],
  drop_values: [0.1, 0.1],
  yx_down: [2],
  z_down: [2],
  isotropy: [true, true],
  conv_layers: [1, 1],
};
const OUT = { out_channels: 1, num_channels: 1, scale: 1 };

const CONVNEXT: BuildArguments = { cn_layers: [1, 1], stem_k_size: 2, stochastic_depth_prob: 0.2 };

/** Small versions; together they have every activation, normalization and way up. */
const SMALL: Readonly<Record<string, BuildArguments>> = {
  unet: {
    ...LEVELS,
    normalization: "gn",
    feature_maps: [16, 16],
    activation: "gelu",
    upsample_layer: "upsampling",
  },
  attention_unet: { ...LEVELS, normalization: "bn", activation: "relu" },
  seunet: { ...LEVELS, normalization: "in", activation: "silu", feature_maps: [16, 16] },
  resunet: {
    ...LEVELS,
    normalization: "bn",
    activation: "leaky_relu",
    conv_block_order: "norm_act_conv",
    larger_io: true,
  },
  resunet_se: { ...LEVELS, normalization: "in", activation: "tanh", feature_maps: [16, 16] },
  "resunet++": {
    ...LEVELS,
    feature_maps: [16, 16, 16],
    drop_values: [0, 0, 0],
    yx_down: [2, 2],
    z_down: [2, 2],
    isotropy: [true, true, true],
    conv_layers: [1, 1, 1],
    normalization: "none",
    activation: "softplus",
  },
  multiresunet: { z_down: [1, 1, 1, 1], output_channels: [1] },
  unetr: {
    vit_model: "custom",
    output_channels: [1],
    patch_size: 8,
    embed_dim: 24,
    depth: 3,
    num_heads: 3,
    mlp_ratio: 2,
    num_filters: 4,
    decoder_activation: "elu",
    ViT_hidd_mult: 1,
    normalization: "bn",
    dropout: 0.1,
    k_size: 3,
  },
  rcan: { ...OUT, filters: 16, num_rg: 1, num_rcab: 2, reduction: 8, upscaling_layer: true },
  edsr: { num_channels: 1, num_filters: 8, num_of_residual_blocks: 2, upsampling_factor: 1 },
  wdsr: { ...OUT, num_filters: 8, num_res_blocks: 2, res_block_expansion: 2 },
  dfcan: { ...OUT, n_ResGroup: 1, n_RCAB: 1 },
  unext_v1: { ...LEVELS, ...CONVNEXT, layer_scale: 1e-6 },
  unext_v2: { ...LEVELS, ...CONVNEXT },
  hrnet: {
    output_channels: [1],
    normalization: "bn",
    activation: "elu",
    cfg: { NUM_MODULES: [1], NUM_BLOCKS: [[1, 1]], NUM_CHANNELS: [[8, 8]], YX_DOWN: [2], Z_DOWN: [1] },
  },
  stunet: { output_channels: [1], variant: "custom", dims: [4, 8], depth: [1, 1] },
  vit: {
    ...{ patch_size: 8, embed_dim: 24, depth: 2, num_heads: 3, mlp_ratio: 2, drop_rate: 0.1 },
    in_chans: 1,
  },
};

/** Build arguments that depend on the number of axes. */
function byAxes(architecture: string, space: readonly number[]): BuildArguments {
  const each = (value: number) => space.map(() => value);
  if (architecture === "vit") return { img_size: space, ndim: space.length, num_classes: 8 ** space.length };
  if (architecture !== "stunet") return {};
  return { pool_op_kernel_sizes: [each(2)], conv_kernel_sizes: [each(3), each(3)] };
}

/** MultiResUNet halves four times. */
const SPACES: Readonly<Record<string, readonly number[]>> = { "2D": [16, 24], "3D": [8, 16, 16] };
const LARGER: Readonly<Record<string, readonly number[]>> = { "2D": [32, 32], "3D": [4, 32, 32] };

const LOSSES: readonly (readonly LossTerm[])[] = [
  [{ name: "MAE", weight: 1 }],
  [{ name: "CHARBONNIER", weight: 1 }],
  [
    { name: "MSE", weight: 0.5 },
    { name: "SSIM", weight: 0.5 },
  ],
];

const optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 0.01 } as const;

/**
 * Left out for the time that a GPU in software takes: four minutes the three. MultiResUNet, which no key makes small, has 12 000
 * operators a step.
 */
const isLong = (architecture: string, ndim: string) =>
  architecture === "multiresunet" || (architecture === "dfcan" && ndim === "3D");

/**
 * In 3D, hrnet and stunet need a gradient that onnxruntime's WebGPU lacks ("Only Conv2d or Conv1d are supported"), and some of the
 * unexts' operators run on the CPU: see docs/devices.md.
 */
const isNotOnDeviceAlone = (architecture: string, ndim: string) =>
  ndim === "3D" && ["unext_v1", "unext_v2", "hrnet", "stunet"].includes(architecture);

let count = 0;
for (const ndim of ["2D", "3D"] as const)
  for (const architecture of embeddedArchitectures("crappify", ndim).filter(
    (each) => !isNotOnDeviceAlone(each, ndim) && (!isLong(each, ndim) || process.env.BIAPY_ALL_NETWORKS),
  )) {
    const loss = LOSSES[count++ % LOSSES.length];
    test(`${architecture} in ${ndim} trains on the device alone, with the CPU's losses`, async () => {
      const shape = [...(architecture === "multiresunet" ? LARGER : SPACES)[ndim], 1];
      const sized = byAxes(architecture, shape.slice(0, -1));
      const build = { ...SMALL[architecture], ...sized, image_shape: shape, input_shape: shape };
      const program = restorationProgram(architecture, build, shape, { loss });
      await trainsOnTheDevice(program, { optimizer, clipNorm: 1 }, { steps: 2, rate: 1e-3 });
    });
  }
