/** Where a training step writes the gradients of weights, and when they can be used. */
import type { UpdateWeights } from "../executable.ts";
import type { Parameters, Segment } from "../parameters.ts";
import { gradientLives, gradientPlaces } from "./gradient-parts.ts";
import type { Part } from "./graph-parts.ts";

/** Memory of gradients. */
export interface GradientMemory {
  /** Returns a view of the gradient of a weight. */
  gradient(weight: string): Float32Array;
  /** Is called after each part of the step. */
  readonly afterPart?: (place: number) => Promise<void>;
}

/** Returns memory with a slot for each gradient, where they stay until the next step. */
export function keptGradients(parameters: Parameters): GradientMemory {
  parameters.prepareGradients();
  return { gradient: (weight) => parameters.values(weight, "gradient") };
}

/** Returns memory that gradients share: weights are updated after the last part that reads them. */
export function passingGradients(
  parameters: Parameters,
  parts: readonly Part[],
  update: UpdateWeights,
): GradientMemory {
  const places = new Map<string, number>();
  const updated = parts.map((): Map<string, number> => new Map());
  const counts: number[] = [];
  const weights = new Set(parameters.specs.map(({ name }) => name));
  const all = gradientLives(parts, (name) => weights.has(name));
  for (const memory of parameters.segments().keys()) {
    const lives = all
      .filter(({ weight }) => parameters.extent(weight).memory === memory)
      .sort((a, b) => parameters.extent(a.weight).offset - parameters.extent(b.weight).offset);
    const sizeOf = (weight: string) => parameters.extent(weight).size;
    const placed = gradientPlaces(lives, sizeOf);
    for (const { weight, to } of lives) {
      const place = placed.get(weight) ?? 0;
      places.set(weight, place);
      updated[to]?.set(weight, place);
    }
    counts.push(Math.max(0, ...[...placed].map(([weight, place]) => place + sizeOf(weight))));
  }
  parameters.prepareGradients(counts);
  const segments: readonly Segment[][] = updated.map((weights) => parameters.segmentsOf(weights));
  return {
    gradient: (weight) => parameters.gradientAt(weight, places.get(weight) ?? 0),
    afterPart: async (place) => {
      const some = segments[place] ?? [];
      if (some.length > 0) await update(some);
    },
  };
}
