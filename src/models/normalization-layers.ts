/** Layers that normalize images `[batch, (z,) y, x, channel]`. Weights have PyTorch's names and shapes. */

import { NORMALIZATION_GROUPS } from "../facts/architectures.ts";
import { product } from "../facts/checked-lists.ts";
import { channelsOf, spaceOf, spatialAxes } from "../runtime/image-shape.ts";
import { normalizeChannels, standardize } from "../runtime/normalization.ts";
import { ones, type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import type { Sequence } from "./sequence.ts";

/** Values of MODEL.NORMALIZATION: batch, synchronized batch, instance, group, none. */
export const NORMALIZATIONS = ["bn", "sync_bn", "in", "gn", "none"] as const;
export type Normalization = (typeof NORMALIZATIONS)[number];

const EPSILON = 1e-5;

/** Declares the learned scale and shift of each channel. */
function scaleAndShift(scope: Scope, x: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const channels = [channelsOf(x)];
  return [scope.parameter("weight", channels, ones), scope.parameter("bias", channels, zeros)];
}

/** Instance normalization (Ulyanov, Vedaldi & Lempitsky 2016): normalizes each channel of each sample. */
export function instanceNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  return normalizeChannels(x, ...scaleAndShift(scope, x), spatialAxes(x), EPSILON).normalized;
}

/** Group normalization (Wu & He 2018), with BiaPy's numbers of groups. */
function groupNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  const groups = NORMALIZATION_GROUPS[spaceOf(x).length === 2 ? 2 : 3];
  const grouped = x.reshape([...x.shape.slice(0, -1), groups, channelsOf(x) / groups]);
  const axes = [...spatialAxes(x), grouped.rank - 1];
  const [scale, shift] = scaleAndShift(scope, x);
  return standardize(grouped, axes, EPSILON).reshape(x.shape).mul(scale).add(shift);
}

const MOMENTUM = 0.1;

/** Batch normalization (Ioffe & Szegedy 2015). Running statistics are PyTorch's, with the unbiased variance. */
export function batchNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  const channels = [channelsOf(x)];
  const mean = scope.state("running_mean", channels, zeros);
  const variance = scope.state("running_var", channels, ones);
  const batches = scope.state("num_batches_tracked", [], zeros);
  const [scale, shift] = scaleAndShift(scope, x);
  if (!scope.training) {
    const factor = scale.mul(variance.add(EPSILON).rsqrt());
    return x.mul(factor).add(shift.sub(mean.mul(factor)));
  }
  const batch = normalizeChannels(x, scale, shift, [0, ...spatialAxes(x)], EPSILON);
  const count = product(x.shape.slice(0, -1));
  const running = (old: tf.Tensor, current: tf.Tensor) =>
    old.mul(1 - MOMENTUM).add(current.reshape(channels).mul(MOMENTUM));
  scope.updateState("running_mean", running(mean, batch.mean));
  scope.updateState("running_var", running(variance, batch.variance.mul(count / Math.max(count - 1, 1))));
  scope.updateState("num_batches_tracked", batches.add(1));
  return batch.normalized;
}

/** Normalizes with the next layer of a sequence. `none` is no layer. */
export function normalize(layers: Sequence, x: tf.Tensor, kind: Normalization): tf.Tensor {
  if (kind === "none") return x;
  const scope = layers.next();
  if (kind === "in") return instanceNorm(scope, x);
  return kind === "gn" ? groupNorm(scope, x) : batchNorm(scope, x);
}
