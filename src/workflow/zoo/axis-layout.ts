/** The order of a network's axes, and values in that order. */

import { at, product } from "../../facts/checked-lists.ts";
import { rowMajor } from "../../facts/row-major.ts";
import type { ForeignTensor } from "../../runtime/onnx/foreign-session.ts";
import { type PackageAxis, PackageError } from "./read-package.ts";

/** The axes of an image here. */
export const OWN_AXES = ["z", "y", "x", "channel"] as const;
type OwnAxis = (typeof OWN_AXES)[number];

/** The order of a network's axes. Axes of an image that it lacks have the size 1. */
export interface Layout {
  /** Each is an axis of an image, or the batch. */
  readonly axes: readonly (OwnAxis | "batch")[];
}

/** Throws {@link PackageError} for axes that images here do not have. */
export function layoutOf(axes: readonly PackageAxis[], name: string): Layout {
  const names = axes.map(({ type, id }): OwnAxis | "batch" => {
    if (type === "batch" || type === "channel") return type;
    const found = OWN_AXES.find((each) => each === id);
    if (type === "space" && found !== undefined) return found;
    throw new PackageError(`${name} has the axis ${id ?? type}, which images here do not have.`);
  });
  if (new Set(names).size < names.length) throw new PackageError(`${name} has an axis twice.`);
  return { axes: names };
}

/** Returns the size of a tensor along an axis of an image; 1 if it lacks the axis. */
export const sizeAlong = ({ shape }: ForeignTensor, { axes }: Layout, axis: OwnAxis) =>
  shape[axes.indexOf(axis)] ?? 1;

/** Converts values `[z, y, x, channel]` to the network's order of axes. */
export function toLayout(values: Float32Array, sizes: readonly number[], { axes }: Layout): ForeignTensor {
  const shape = axes.map((axis) => (axis === "batch" ? 1 : at(sizes, OWN_AXES.indexOf(axis))));
  const strides = rowMajor(sizes);
  const sources = axes.map((axis) => (axis === "batch" ? 0 : at(strides, OWN_AXES.indexOf(axis))));
  return { shape, values: gathered(values, shape, sources) };
}

/** Converts values in the network's order of axes to `[z, y, x, channel]`. */
export function fromLayout(tensor: ForeignTensor, layout: Layout): Float32Array {
  const strides = rowMajor(tensor.shape);
  const sizes = OWN_AXES.map((axis) => sizeAlong(tensor, layout, axis));
  return gathered(
    tensor.values,
    sizes,
    OWN_AXES.map((axis) => strides[layout.axes.indexOf(axis)] ?? 0),
  );
}

/** Copies values in another order: `strides` are the distances in `values` along each axis of the result. */
function gathered(values: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const result = new Float32Array(product(shape));
  let to = 0;
  const along = (axis: number, from: number): void => {
    const [size, stride] = [at(shape, axis), at(strides, axis)];
    if (axis < shape.length - 1)
      for (let index = 0; index < size; index++) along(axis + 1, from + index * stride);
    else for (let index = 0; index < size; index++) result[to++] = values[from + index * stride] ?? 0;
  };
  along(0, 0);
  return result;
}
