/** Writes safetensors files, as Hugging Face's writer does. */
import { writeFile } from "node:fs/promises";
import { bytesPerElement, type CheckpointTensor, type DType } from "../../src/checkpoint/tensor.ts";

const NAMES: Readonly<Record<DType, string>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int8: "I8",
  uint8: "U8",
  int16: "I16",
  uint16: "U16",
  int32: "I32",
  uint32: "U32",
  int64: "I64",
  uint64: "U64",
  bool: "BOOL",
};

/** Writes named tensors with the metadata `format: pt`, which some readers require. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<void> {
  // Types with large elements first, as in the reference writer, so that each type is aligned.
  const ordered = [...tensors].sort(([, a], [, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  let end = 0;
  const descriptions = ordered.map(([name, { dtype, shape, byteLength }]) => {
    const start = end;
    end += byteLength;
    return [name, { dtype: NAMES[dtype], shape, data_offsets: [start, end] }] as const;
  });
  const header = { __metadata__: { format: "pt" }, ...Object.fromEntries(descriptions) };
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(8 + Math.ceil(json.byteLength / 8) * 8, " ");
  padded.writeBigUInt64LE(BigInt(padded.byteLength - 8), 0);
  json.copy(padded, 8);
  const values = await Promise.all(ordered.map(([, tensor]) => tensor.bytes()));
  await writeFile(path, Buffer.concat([padded, ...values]));
}
