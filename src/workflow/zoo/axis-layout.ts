/** The order of a network's axes, and values in that order. */

import { at, product } from "../../facts/checked-lists.ts";
import { rowMajor } from "../../facts/row-major.ts";
import type { ForeignTensor } from "../../runtime/onnx/foreign-session.ts";
import { type PackageAxis, PackageError } from "./read-package.ts";

/** The axes of an image here. */
export const OWN_AXES = ["z", "y", "x", "channel"] as const;
type OwnAxis = (typeof OWN_AXES)[number];

/** Whether an axis of a network is an axis of an image. */
export const isOwn = (axis: Layout["axes"][number] | undefined): axis is OwnAxis =>
  OWN_AXES.some((each) => each === axis);

/** The order of a network's axes. Axes of an image that it lacks have the size 1. */
export interface Layout {
  /** Each is an axis of an image, the batch, or another one (such as time) of the size 1. */
  readonly axes: readonly (OwnAxis | "batch" | "single")[];
}

/** Throws {@link PackageError} for axes that images here do not have, unless their size is 1. */
export function layoutOf(axes: readonly PackageAxis[], name: string): Layout {
  const names = axes.map(({ type, id, size }): Layout["axes"][number] => {
    if (type === "batch" || type === "channel") return type;
    const found = OWN_AXES.find((each) => each === id);
    if (type === "space" && found !== undefined) return found;
    // An output's size may refer to the input's.
    const isOne = size !== undefined && (isReference(size) || nearestSize(size, 1) === 1);
    if (type !== "space" && isOne) return "single";
    throw new PackageError(`${name} has the axis ${id ?? type}, which images here do not have.`);
  });
  const own = names.filter((each) => each !== "single");
  if (new Set(own).size < own.length) throw new PackageError(`${name} has an axis twice.`);
  return { axes: names };
}

/** Whether an axis has a smallest size that grows by steps. */
const isStepped = (size: PackageAxis["size"]): size is { min: number; step: number } =>
  typeof size === "object" && "min" in size && "step" in size;

const isReference = (size: PackageAxis["size"]): boolean => typeof size === "object" && "tensor_id" in size;

/** Returns the smallest allowed size that is at least `size`. A network of one fixed size has no other, even if it is smaller. */
export function nearestSize(allowed: PackageAxis["size"], size: number): number {
  if (typeof allowed === "number") return allowed;
  if (!isStepped(allowed)) return size;
  const { min, step } = allowed;
  return size <= min || step <= 0 ? min : min + Math.ceil((size - min) / step) * step;
}

/** Returns the size of a tensor along an axis of an image; 1 if it lacks the axis. */
export const sizeAlong = ({ shape }: ForeignTensor, { axes }: Layout, axis: OwnAxis) =>
  shape[axes.indexOf(axis)] ?? 1;

/** Converts values `[z, y, x, channel]` to the network's order of axes. */
export function toLayout(values: Float32Array, sizes: readonly number[], { axes }: Layout): ForeignTensor {
  const shape = axes.map((axis) => (isOwn(axis) ? at(sizes, OWN_AXES.indexOf(axis)) : 1));
  const strides = rowMajor(sizes);
  const sources = axes.map((axis) => (isOwn(axis) ? at(strides, OWN_AXES.indexOf(axis)) : 0));
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
