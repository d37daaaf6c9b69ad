import type { InputData } from "./executable.ts";
import type { InputSpec } from "./program.ts";

/** Returns the number of elements of a shape. */
export const elementCount = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Allocates the buffer of an input. */
export function allocate({ shape, type }: InputSpec): InputData {
  const count = elementCount(shape);
  if (type === "int32") return new Int32Array(count);
  return type === "bool" ? new Uint8Array(count) : new Float32Array(count);
}
