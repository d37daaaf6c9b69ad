/** WDSR-A (Yu et al. 2018, "Wide activation for efficient and accurate image super-resolution"): blocks are wide before the activation. */
import { channelsOf } from "../runtime/image-shape.ts";
import { type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { convolve } from "./layers.ts";
import { pixelShuffle } from "./resampling.ts";

export interface WdsrSettings {
  /** Channels of the result. */
  readonly channels: number;
  readonly filters: number;
  readonly blocks: number;
  /** Channel expansion inside a block. */
  readonly expansion: number;
  /** Upsampling factor. */
  readonly scale: number;
}

/** A weight-normalized convolution: each kernel is a learned length times a direction (Salimans & Kingma 2016). */
function weightNormConv(
  scope: Scope,
  x: tf.Tensor,
  filters: number,
  size: number,
  length: number,
): tf.Tensor {
  const shape = [filters, channelsOf(x), size, size];
  const direction = scope.parameter("weight_v", shape, { kind: "fan-in-uniform" });
  const lengths = scope.parameter("weight_g", [filters, 1, 1, 1], { kind: "constant", value: length });
  const norm = direction.square().sum([1, 2, 3], true).sqrt();
  const weight = direction.mul(lengths.div(norm));
  return convolve(x, weight, { kernel: [size, size] }).add(scope.parameter("bias", [filters], zeros));
}

/** @param images `[batch, y, x, channel]` */
export function wdsr(scope: Scope, images: tf.Tensor, settings: WdsrSettings): tf.Tensor {
  const { channels, filters, blocks, expansion, scale } = settings;
  const outputs = scale ** 2 * channels;
  let x = weightNormConv(scope.at("body.0"), images, filters, 3, 1);
  for (let block = 0; block < blocks; block++) {
    const layers = scope.at(`body.${block + 1}.body`);
    const wide = weightNormConv(layers.at("0"), x, filters * expansion, 3, 2).relu();
    x = x.add(weightNormConv(layers.at("2"), wide, filters, 3, 1 / Math.sqrt(blocks)));
  }
  x = weightNormConv(scope.at(`body.${blocks + 1}`), x, outputs, 3, 1);
  const around =
    channelsOf(images) === outputs ? images : weightNormConv(scope.at("skip.0"), images, outputs, 5, 1);
  return pixelShuffle(x.add(around), scale);
}
