/**
 * A loss or a weight is not a finite number any more: the training cannot go on. The message says where and what to do.
 */
export class DivergedError extends Error {
  override readonly name = "DivergedError";
}

/**
 * @param what what is not finite
 * @param place where in the training, such as `epoch 2, step 5`
 * @param first whether no update has been made before: the input is at fault, not the training
 */
export function divergedError(
  what: string,
  place: string,
  learningRate: number,
  first: boolean,
): DivergedError {
  const advice = first
    ? "It is the first step, so the images or the starting weights hold values that are not finite or far too large: look at the images and at DATA.NORMALIZATION."
    : `The training diverged at a learning rate of ${learningRate.toPrecision(3)}. Lower TRAIN.LR, or limit the gradients with TRAIN.GRADIENT_CLIP_NORM (1.0, for example).`;
  return new DivergedError(`${what} is not a finite number at ${place}. ${advice}`);
}
