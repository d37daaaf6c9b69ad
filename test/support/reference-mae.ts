/** The small masked autoencoder that BiaPy and PyTorch trained in test/fixtures/make_mae_training.py, and its inputs. */
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../../src/models/mae.ts";
import type { Executable } from "../../src/runtime/executable.ts";
import type { Program } from "../../src/runtime/program.ts";
import { formulaInput } from "./reference-models.ts";

export interface MaeCase {
  readonly ndim: number;
  readonly size: number;
  readonly token: number;
  readonly channels: number;
  readonly batch: number;
  readonly normalizePixels: boolean;
}

const tokensOf = ({ size, token, ndim }: MaeCase) => (size / token) ** ndim;
const visibleOf = (each: MaeCase) => Math.trunc(tokensOf(each) * 0.4);
const patchOf = ({ ndim, size }: MaeCase) => new Array<number>(ndim).fill(size);

export function referenceMae(each: MaeCase): Program {
  const { token: tokenSize, channels, batch, normalizePixels } = each;
  const settings: MaeSettings = {
    patchSize: patchOf(each),
    channels,
    tokenSize,
    encoder: { features: 24, layers: 2, heads: 3, hidden: 96 },
    decoder: { features: 12, layers: 1, heads: 2, hidden: 48 },
    epsilon: 1e-6,
    normalizePixels,
  };
  return {
    training: true,
    inputs: {
      images: { shape: [batch, ...settings.patchSize, channels], type: "float32" },
      keep: { shape: [batch, visibleOf(each)], type: "int32" },
      restore: { shape: [batch, tokensOf(each)], type: "int32" },
      mask: { shape: [batch, tokensOf(each)], type: "float32" },
    },
    forward(scope, { images, keep, restore, mask }) {
      const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
      return { loss: maeLoss(prediction, maeTarget(settings, images), mask).mean() };
    },
  };
}

/** Fills the inputs with the formula's images and the mask of the script's noise. */
export function fillReferenceMae({ images, keep, restore, mask }: Executable["inputs"], each: MaeCase): void {
  const { batch, channels } = each;
  const [tokens, visible] = [tokensOf(each), visibleOf(each)];
  images.set(formulaInput([batch, channels, ...patchOf(each)]));
  for (let sample = 0; sample < batch; sample++) {
    const noise = Array.from({ length: tokens }, (_, at) =>
      Math.fround((at * 0.6180339887498949 + sample * 0.1) % 1),
    );
    const order = noise.map((_, at) => at).sort((a, b) => noise[a] - noise[b]);
    const places = noise.map((_, at) => order.indexOf(at));
    keep.set(order.slice(0, visible), sample * visible);
    restore.set(places, sample * tokens);
    mask.set(
      places.map((place) => (place < visible ? 0 : 1)),
      sample * tokens,
    );
  }
}
