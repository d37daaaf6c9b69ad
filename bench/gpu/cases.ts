/** The networks that check a GPU, at sizes for software adapters (`small`) and for real GPUs. */
import { readFileSync } from "node:fs";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import type { Description } from "../networks.ts";

export const CASES = ["mae", "unet"] as const;
export type CaseName = (typeof CASES)[number];

const SIZES = { small: { mae: 32, unet: 32, batch: 2 }, real: { mae: 128, unet: 256, batch: 16 } } as const;

/**
 * Returns the description of a case.
 *
 * @param folder of BiaPy's build arguments: test/fixtures/models
 * @param batch Defaults to the case's own
 */
export function gpuCase(name: CaseName, small: boolean, folder: string, batch?: number): Description {
  const sizes = SIZES[small ? "small" : "real"];
  const reference = name === "mae" ? "mae_random_2d" : "unet_2d";
  const { build_args: build } = JSON.parse(readFileSync(`${folder}/${reference}.json`, "utf8")) as {
    build_args: BuildArguments;
  };
  const size = sizes[name];
  const slim: Readonly<Record<CaseName, BuildArguments>> = {
    mae: { embed_dim: 48, depth: 2, num_heads: 3, decoder_depth: 1, decoder_embed_dim: 32 },
    unet: { feature_maps: [4, 8, 16, 16, 16] },
  };
  return {
    architecture: name,
    build: { ...build, img_size: size, ...(small ? slim[name] : {}) },
    space: [size, size],
    channels: 1,
    batch: batch ?? sizes.batch,
    mode: "training",
    loss: "mse",
    threads: 2,
    seconds: small ? 0 : 4,
    steps: 5,
  };
}
