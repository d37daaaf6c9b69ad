import { DATA_TYPE, type OnnxType } from "./model-proto.ts";
import { created, runtime } from "./native.ts";
import type { Pointer } from "./native-api.ts";

/** Memory that tensors can use. */
export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor that onnxruntime reads and writes in the memory of `data`. */
export class NativeTensor {
  readonly pointer: Pointer;

  constructor(
    readonly data: TensorData,
    type: OnnxType,
    shape: readonly number[],
  ) {
    const { api, cpuMemory } = runtime();
    const dimensions = BigInt64Array.from(shape, BigInt);
    this.pointer = created(api, (out) =>
      api.createTensor(cpuMemory, data, data.byteLength, dimensions, shape.length, DATA_TYPE[type], out),
    );
  }

  release(): void {
    runtime().api.releaseValue(this.pointer);
  }
}
