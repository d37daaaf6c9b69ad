/** Losses and overlaps of predicted classes, as TensorFlow.js ops. */
import { logitsOf } from "../facts/workflows.ts";
import { inSinglePrecision } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";

/** The label of pixels that count for nothing. */
export const IGNORED = -1;

export interface SegmentationLossSettings {
  /** DATA.N_CLASSES, background included. Two classes are told apart by one logit, more by one logit each. */
  readonly classes: number;
  /** Weights of the losses in their sum; 0 leaves one out. */
  readonly crossEntropy: number;
  readonly dice: number;
  /** LOSS.CLASS_WEIGHTS: how much a pixel counts in the cross entropy, by its class. */
  readonly classWeights?: readonly number[];
}

/** Added to both sides of Dice's fraction: a class that is nowhere counts as found. */
const SMOOTH = 1e-5;
/** Below any sum of weights: a batch without a pixel that counts has a loss of 0. */
const TINY = 1e-12;

/**
 * The loss of a batch, a scalar.
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

/** 1 for the class that a pixel has, `[…, class]`; 0 for all classes where it is ignored. */
function oneHot(labels: tf.Tensor, classes: number): tf.Tensor {
  const indices = tf.tensor1d(Float32Array.from({ length: classes }, (_, index) => index));
  return labels.equal(indices).cast("float32");
}

/** The mean over pixels that count, weighted by class as PyTorch's CrossEntropyLoss does. */
function crossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  { classes, classWeights }: SegmentationLossSettings,
): tf.Tensor {
  const known = oneHot(labels, Math.max(classes, 2));
  const weighted =
    classWeights === undefined ? known : known.mul(tf.tensor1d(Float32Array.from(classWeights)));
  const total = weighted.sum().maximum(TINY);
  if (classes > 2) return weighted.mul(tf.logSoftmax(logits)).sum().neg().div(total);
  // -log sigmoid(x) for foreground and -log(1 - sigmoid(x)) for background, without overflow.
  const foreground = labels.equal(1).cast("float32");
  const losses = logits.softplus().sub(logits.mul(foreground));
  return losses.mul(weighted.sum(-1, true)).sum().div(total);
}

/** 1 - Dice (Milletari, Navab & Ahmadi 2016), summed over batch and space, averaged over the logits' classes. */
function diceLoss(logits: tf.Tensor, labels: tf.Tensor, classes: number): tf.Tensor {
  const axes = Array.from({ length: logits.rank - 1 }, (_, axis) => axis);
  const counted = labels.greaterEqual(0).cast("float32");
  const known = classes > 2 ? oneHot(labels, classes) : labels.equal(1).cast("float32");
  const predicted = (classes > 2 ? tf.softmax(logits) : logits.sigmoid()).mul(counted);
  const overlap = predicted.mul(known).sum(axes);
  const both = predicted.sum(axes).add(known.sum(axes));
  const dice = overlap.mul(2).add(SMOOTH).div(both.add(SMOOTH));
  return tf.scalar(1).sub(dice.mean());
}

/** Names of the outputs that {@link iouOf} makes IoUs of. */
const OVERLAP = "overlap_";
const UNION = "union_";

/**
 * How many pixels of each class are found (`overlap_<class>`), and how many are found or should be (`union_<class>`), `[batch]` each.
 * Two classes are measured by the foreground alone, as BiaPy does.
 */
export function classOverlaps(
  logits: tf.Tensor,
  labels: tf.Tensor,
  classes: number,
): Record<string, tf.Tensor> {
  const values = inSinglePrecision(logits);
  const inner = Array.from({ length: values.rank - 2 }, (_, axis) => axis + 1);
  const counted = labels.greaterEqual(0).cast("float32");
  const known = classes > 2 ? oneHot(labels, classes) : labels.equal(1).cast("float32");
  const chosen = classes > 2 ? values.equal(values.max(-1, true)) : values.greater(0);
  const predicted = chosen.cast("float32").mul(counted);
  const overlap = predicted.mul(known);
  // `[batch, class]`
  const overlaps = overlap.sum(inner);
  const unions = predicted.add(known).sub(overlap).sum(inner);
  const [batch] = values.shape;
  const ofClass = (all: tf.Tensor, at: number) => all.slice([0, at], [batch, 1]).reshape([batch]);
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
 * Intersection over union of overlaps and unions that have been added up (or averaged: the ratio is the same), in place of them.
 * `iou` is the mean over the classes that are there; with more than one, each has its own, `iou_<class>`.
 */
export function iouOf(values: Readonly<Record<string, number>>): Record<string, number> {
  const others = Object.entries(values).filter(
    ([name]) => !name.startsWith(OVERLAP) && !name.startsWith(UNION),
  );
  const classes = Object.keys(values).flatMap((name) =>
    name.startsWith(UNION) ? [name.slice(UNION.length)] : [],
  );
  const present = classes.filter((name) => values[`${UNION}${name}`] > 0);
  const ious = present.map(
    (name) => [`iou_${name}`, values[`${OVERLAP}${name}`] / values[`${UNION}${name}`]] as const,
  );
  const mean = ious.reduce((sum, [, iou]) => sum + iou, 0) / ious.length;
  return {
    ...Object.fromEntries(others),
    ...(ious.length > 0 ? { iou: mean } : {}),
    ...(classes.length > 1 ? Object.fromEntries(ious) : {}),
  };
}
