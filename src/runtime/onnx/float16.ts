import { Float16Array } from "@petamoriken/float16";

/** The nearest values in half precision; what is too large becomes infinite. Both as bytes. */
export function float16(float32: Uint8Array): Uint8Array {
  const values = new Float32Array(float32.slice().buffer);
  return new Uint8Array(Float16Array.from(values).buffer as ArrayBuffer);
}
