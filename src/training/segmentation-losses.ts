/** Losses and metrics of semantic segmentation, as TensorFlow.js ops. */

import { entryOf } from "../facts/checked-lists.ts";
import { logitsOf } from "../facts/workflows.ts";
import { batchOf } from "../runtime/image-shape.ts";
import { inSinglePrecision } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";

/** The label of pixels that losses and metrics ignore. */
export const IGNORED = -1;

/** Which losses are added up. */
export interface SegmentationLossSettings {
  /** DATA.N_CLASSES, background included. Two classes share one logit; more have one logit each. */
  readonly classes: number;
  /** Weight of the cross entropy in the sum; 0 omits it. */
  readonly crossEntropy: number;
  /** Weight of the Dice loss in the sum; 0 omits it. */
  readonly dice: number;
  /** LOSS.CLASS_WEIGHTS: the weight of each class in the cross entropy. Defaults to 1 each. */
  readonly classWeights?: readonly number[];
}

/** Added to numerator and denominator of Dice: an absent class that is not predicted has a Dice of 1. */
const SMOOTH = 1e-5;
/** Smaller than any sum of weights: a batch of ignored pixels has a loss of 0, not NaN. */
const TINY = 1e-12;

/**
 * Returns the loss of a batch, a scalar.
 *
 * @param logits `[batch, (z,) y, x, logit]`
 * @param labels class indices or {@link IGNORED}, `[batch, (z,) y, x, 1]`
 */
export function segmentationLoss(
  logits: tf.Tensor,
  labels: tf.Tensor,
  settings: SegmentationLossSettings,
): tf.Tensor {
  const values = inSinglePrecision(logits);
  const terms: tf.Tensor[] = [];
  if (settings.crossEntropy > 0)
    terms.push(crossEntropy(values, labels, settings).mul(settings.crossEntropy));
  if (settings.dice > 0) terms.push(diceLoss(values, labels, settings.classes).mul(settings.dice));
  return terms.reduce((sum, each) => sum.add(each));
}

/** Returns 1 for each pixel's class and 0 for others, `[…, class]`. Ignored pixels have only zeros. */
function oneHot(labels: tf.Tensor, classes: number): tf.Tensor {
  const indices = tf.tensor1d(Float32Array.from({ length: classes }, (_, index) => index));
  return labels.equal(indices).cast("float32");
}

/** Returns the cross entropy, averaged over pixels with class weights as PyTorch's CrossEntropyLoss does. */
function crossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  { classes, classWeights }: SegmentationLossSettings,
): tf.Tensor {
  const truth = oneHot(labels, Math.max(classes, 2));
  const weighted =
    classWeights === undefined ? truth : truth.mul(tf.tensor1d(Float32Array.from(classWeights)));
  const total = weighted.sum().maximum(TINY);
  if (classes > 2) return weighted.mul(tf.logSoftmax(logits)).sum().neg().div(total);
  // -log sigmoid(x) for foreground and -log(1 - sigmoid(x)) for background, without overflow.
  const foreground = labels.equal(1).cast("float32");
  const losses = logits.softplus().sub(logits.mul(foreground));
  return losses.mul(weighted.sum(-1, true)).sum().div(total);
}

/** Returns 1 - Dice (Milletari, Navab & Ahmadi 2016), with sums over batch and space, averaged over classes. */
function diceLoss(logits: tf.Tensor, labels: tf.Tensor, classes: number): tf.Tensor {
  const axes = Array.from({ length: logits.rank - 1 }, (_, axis) => axis);
  const counted = labels.greaterEqual(0).cast("float32");
  const truth = classes > 2 ? oneHot(labels, classes) : labels.equal(1).cast("float32");
  const predicted = (classes > 2 ? tf.softmax(logits) : logits.sigmoid()).mul(counted);
  const overlap = predicted.mul(truth).sum(axes);
  const both = predicted.sum(axes).add(truth.sum(axes));
  const dice = overlap.mul(2).add(SMOOTH).div(both.add(SMOOTH));
  return tf.scalar(1).sub(dice.mean());
}

/** Prefixes of the outputs that {@link iouOf} computes IoUs from. */
const OVERLAP = "overlap_";
const UNION = "union_";

/**
 * Returns the number of pixels in the intersection (`overlap_<class>`) and in the union (`union_<class>`) of prediction and truth,
 * `[batch]` each. With two classes only the foreground is measured, as in BiaPy.
 */
export function classOverlaps(
  logits: tf.Tensor,
  labels: tf.Tensor,
  classes: number,
): Record<string, tf.Tensor> {
  const values = inSinglePrecision(logits);
  const inner = Array.from({ length: values.rank - 2 }, (_, axis) => axis + 1);
  const counted = labels.greaterEqual(0).cast("float32");
  const truth = classes > 2 ? oneHot(labels, classes) : labels.equal(1).cast("float32");
  const chosen = classes > 2 ? values.equal(values.max(-1, true)) : values.greater(0);
  const predicted = chosen.cast("float32").mul(counted);
  const overlap = predicted.mul(truth);
  // `[batch, class]`
  const overlaps = overlap.sum(inner);
  const unions = predicted.add(truth).sub(overlap).sum(inner);
  const batch = batchOf(values);
  const ofClass = (all: tf.Tensor, index: number) => all.slice([0, index], [batch, 1]).reshape([batch]);
  const first = classes > 2 ? 0 : 1;
  const indices = Array.from({ length: logitsOf(classes) }, (_, index) => index);
  return Object.fromEntries(
    indices.flatMap((index) => [
      [`${OVERLAP}${first + index}`, ofClass(overlaps, index)],
      [`${UNION}${first + index}`, ofClass(unions, index)],
    ]),
  );
}

/**
 * Replaces overlaps and unions, summed or averaged over samples, by their ratio. `iou` is the mean over classes with a union above 0.
 * With several classes, each also has its own `iou_<class>`.
 */
export function iouOf(values: Readonly<Record<string, number>>): Record<string, number> {
  const others = Object.entries(values).filter(
    ([name]) => !name.startsWith(OVERLAP) && !name.startsWith(UNION),
  );
  const classes = Object.keys(values).flatMap((name) =>
    name.startsWith(UNION) ? [name.slice(UNION.length)] : [],
  );
  const present = classes.filter((name) => entryOf(values, `${UNION}${name}`) > 0);
  const ious = present.map(
    (name) =>
      [`iou_${name}`, entryOf(values, `${OVERLAP}${name}`) / entryOf(values, `${UNION}${name}`)] as const,
  );
  const mean = ious.reduce((sum, [, iou]) => sum + iou, 0) / ious.length;
  return {
    ...Object.fromEntries(others),
    ...(ious.length > 0 ? { iou: mean } : {}),
    ...(classes.length > 1 ? Object.fromEntries(ious) : {}),
  };
}
