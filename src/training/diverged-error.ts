/** A loss or a weight is no longer a finite number, so that training cannot continue. The message says where and what to do. */
export class DivergedError extends Error {
  override readonly name = "DivergedError";
}

/**
 * Returns the error for a value that is not finite, with advice.
 *
 * @param what the value, such as `The loss`
 * @param place in the training, such as `epoch 2, step 5`
 * @param first whether no step was taken before: then the input is the cause, not the learning rate
 */
export function notFinite(what: string, place: string, learningRate: number, first: boolean): DivergedError {
  const advice = first
    ? "It is the first step, so the images or the initial weights contain values that are not finite or far too large. Check the images and DATA.NORMALIZATION."
    : `The training diverged at a learning rate of ${learningRate.toPrecision(3)}. Lower TRAIN.LR, or limit the gradients with TRAIN.GRADIENT_CLIP_NORM (1.0, for example).`;
  return new DivergedError(`${what} is not a finite number at ${place}. ${advice}`);
}
