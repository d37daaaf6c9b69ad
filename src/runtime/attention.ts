/** Attention, of many tokens in parts, so that no number is kept for every pair of tokens. */
import { at, exactly } from "../facts/checked-lists.ts";
import { computedAfter } from "./computed-after.ts";
import { tf } from "./tensor.ts";

/** Weights of all heads of a sample that are computed at a time: 32 MB. */
const MOST_WEIGHTS = 2 ** 23;

/**
 * Returns softmax(query keyᵀ) value for each head (Vaswani et al. 2017, equation 1; `query` is already scaled).
 *
 * Of many tokens, some queries are computed at a time, and their weights again for the gradient (Rabe & Staats 2021, "Self-attention
 * does not need O(n²) memory").
 *
 * @param query `[sample · head, token, feature]`, as `key` and `value` are
 * @param heads number of heads of a sample
 * @param most maximum number of weights to compute at a time for a sample
 */
export function attention(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  heads: number,
  most = MOST_WEIGHTS,
): tf.Tensor {
  const tokens = at(query.shape, 1);
  const rows = Math.max(1, Math.floor(most / (heads * tokens)));
  return rows >= tokens ? weightsOf(query, key).matMul(value) : inParts(rows)(query, key, value);
}

/** Returns the weight of each key for each query: `[sample · head, query, key]`. */
const weightsOf = (query: tf.Tensor, key: tf.Tensor): tf.Tensor => query.matMul(key, false, true).softmax();

/** Returns some tokens after the other. */
function parts(x: tf.Tensor, rows: number): tf.Tensor[] {
  const tokens = at(x.shape, 1);
  return Array.from({ length: Math.ceil(tokens / rows) }, (_, part) =>
    x.slice([0, part * rows, 0], [-1, Math.min(rows, tokens - part * rows), -1]),
  );
}

/** Returns attention that computes some queries at a time. */
const inParts = (rows: number) =>
  tf.customGrad((...given) => {
    const tensors = given.filter((each) => each instanceof tf.Tensor);
    const [query, key, value] = exactly(tensors, 3, "The tensors of attention");
    const save = given.find((each) => typeof each === "function");
    const mixed = parts(query, rows).map((some) => weightsOf(some, key).matMul(value));
    const result = tf.concat(mixed, 1);
    save?.([query, key, value, result]);
    return { value: result, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradient(dy, saved, rows) };
  });

/**
 * Returns the gradients by query, key and value (Dao et al. 2022, "FlashAttention", appendix B.2).
 *
 * @param saved query, key, value and the result
 */
function gradient(dy: tf.Tensor, saved: readonly tf.Tensor[], rows: number): tf.Tensor[] {
  const [query, key, value, result] = exactly(saved, 4, "What attention saves");
  const [queries, slopes] = [parts(query, rows), parts(dy, rows)];
  // The sum over keys of each weight times its gradient.
  const sums = parts(dy.mul(result).sum(-1, true), rows);
  // The same product with both signs changed: a trace would take the weights of the forward pass, and keep them until here.
  const minusKey = key.neg();
  const byQuery: tf.Tensor[] = [];
  let [byKey, byValue]: (tf.Tensor | undefined)[] = [];
  for (const [part, own] of queries.entries()) {
    const slope = at(slopes, part);
    const centered = slope.matMul(value, false, true).sub(at(sums, part));
    // Else onnxruntime computes all parts before it adds the first two, and the first part of each layer before the first gradient.
    const before = [byQuery.at(-1) ?? slope, byKey, byValue].filter((each) => each !== undefined);
    const some = computedAfter(own, before);
    const weights = weightsOf(some.neg(), minusKey);
    const byScores = centered.mul(weights);
    byQuery.push(byScores.matMul(key));
    byKey = plus(byKey, byScores.matMul(some, true, false));
    byValue = plus(byValue, weights.matMul(slope, true, false));
  }
  return [tf.concat(byQuery, 1), byKey ?? tf.zerosLike(key), byValue ?? tf.zerosLike(value)];
}

const plus = (sum: tf.Tensor | undefined, more: tf.Tensor): tf.Tensor =>
  sum === undefined ? more : sum.add(more);
