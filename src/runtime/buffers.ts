import { product } from "../facts/checked-lists.ts";
import type { InputData } from "./executable.ts";
import type { InputSpec } from "./program.ts";

/** Allocates the buffer of an input. */
export function allocate({ shape, type }: InputSpec): InputData {
  const count = product(shape);
  if (type === "int32") return new Int32Array(count);
  return type === "bool" ? new Uint8Array(count) : new Float32Array(count);
}
