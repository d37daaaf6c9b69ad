/** The tokens of a patch that a masked autoencoder sees (He et al. 2022, section 3). */
import { at as itemAt, product } from "../facts/checked-lists.ts";
import { AS_IT_IS, type Orientation, oriented } from "./orientation.ts";
import type { Random } from "./random.ts";
import type { Box } from "./tiling.ts";

/** Values of MODEL.MAE_MASK_TYPE. */
export const MASK_TYPES = ["random", "grid"] as const;

/** Which share of the tokens is hidden, and how they are chosen. */
export interface TokenMaskSettings {
  /** `random` hides a new random share of tokens each time; `grid` always hides every other one, like a chessboard. */
  readonly type: (typeof MASK_TYPES)[number];
  /** The share of tokens that `random` hides, in (0, 1). */
  readonly ratio: number;
  /** Tokens along y and x, or z, y and x. */
  readonly grid: readonly number[];
}

/** The visible and masked tokens of a patch. Grid positions count from 0, the last axis fastest. */
export interface TokenMask {
  /** Grid positions of the visible tokens. */
  readonly keep: Int32Array;
  /** Index of each grid position in the list of visible tokens followed by masked ones. */
  readonly restore: Int32Array;
  /** 1 where a token is masked. */
  readonly mask: Float32Array;
}

/** Returns the number of visible tokens. */
export function visibleTokens({ type, ratio, grid }: TokenMaskSettings): number {
  const tokens = product(grid);
  if (type === "random") return Math.max(1, Math.trunc(tokens * (1 - ratio)));
  return Math.floor(tokens / 2);
}

/** Whether a token's coordinates have an odd sum: the dark squares of a chessboard, in any number of dimensions. */
function isDark(token: number, grid: readonly number[]): boolean {
  let rest = token;
  let sum = 0;
  for (let axis = grid.length - 1; axis >= 0; axis--) {
    sum += rest % itemAt(grid, axis);
    rest = Math.floor(rest / itemAt(grid, axis));
  }
  return sum % 2 === 1;
}

/** Draws a mask. `random` decides it for masks of type `random`; grid masks are always the same. */
export function tokenMask(settings: TokenMaskSettings, random: Random): TokenMask {
  const { type, grid } = settings;
  const tokens = product(grid);
  const visible = visibleTokens(settings);
  const noise = Float64Array.from({ length: tokens }, (_, token) => {
    if (type === "random") return random.uniform();
    return isDark(token, grid) ? 0 : 1;
  });
  const order = Int32Array.from(noise.keys()).sort((a, b) => (noise[a] ?? 0) - (noise[b] ?? 0) || a - b);
  return maskInOrder(order, visible);
}

/** Returns the mask that shows the first `visible` tokens of an order and hides the others. */
function maskInOrder(order: Int32Array, visible: number): TokenMask {
  const restore = new Int32Array(order.length);
  const mask = new Float32Array(order.length).fill(1);
  order.forEach((token, place) => {
    restore[token] = place;
    if (place < visible) mask[token] = 0;
  });
  return { keep: order.subarray(0, visible), restore, mask };
}

const gridBox = (grid: readonly number[]): Box => [
  grid.length === 3 ? itemAt(grid, 0) : 1,
  grid.at(-2) ?? 1,
  grid.at(-1) ?? 1,
];

/** Returns the mask that hides the same tokens of a turned image. */
export function turnedMask(drawn: TokenMask, grid: readonly number[], turn: Orientation): TokenMask {
  if (turn === AS_IT_IS) return drawn;
  const { mask, keep } = drawn;
  const turned = oriented(mask, gridBox(grid), turn);
  const tokens = [...turned.keys()];
  const order = [
    ...tokens.filter((token) => turned[token] === 0),
    ...tokens.filter((token) => turned[token] === 1),
  ];
  return maskInOrder(Int32Array.from(order), keep.length);
}

/** Returns 1 for every pixel of a hidden token and 0 for the others, `[z, y, x, channel]`. */
export function hiddenPixels(
  { mask }: TokenMask,
  grid: readonly number[],
  tokenSize: number,
  channels: number,
): Float32Array {
  const [depth, height, width] = gridBox(grid);
  const thick = grid.length === 3 ? tokenSize : 1;
  const row = width * tokenSize * channels;
  const pixels = new Float32Array(depth * thick * height * tokenSize * row);
  let at = 0;
  for (let z = 0; z < depth * thick; z++)
    for (let y = 0; y < height * tokenSize; y++)
      for (let x = 0; x < width; x++) {
        const token = (Math.floor(z / thick) * height + Math.floor(y / tokenSize)) * width + x;
        pixels.fill(mask[token] ?? 0, at, at + tokenSize * channels);
        at += tokenSize * channels;
      }
  return pixels;
}
