import { Float16Array } from "@petamoriken/float16";

/** Rounds float32 values to float16, both as bytes. Values out of range become infinite. */
export function float16(float32: Uint8Array): Uint8Array {
  const values = new Float32Array(float32.slice().buffer);
  return new Uint8Array(Float16Array.from(values).buffer);
}
