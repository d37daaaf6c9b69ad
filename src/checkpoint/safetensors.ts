/** Hugging Face's safetensors files: a JSON header and the tensors' bytes. Spec: https://huggingface.co/docs/safetensors */
import { product } from "../facts/checked-lists.ts";
import { asObject, isObject, type JsonObject } from "../facts/json.ts";
import { rowMajor } from "../facts/row-major.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { RandomAccessFile } from "./files.ts";
import { bytesPerElement, CheckpointTensor, type DType } from "./tensor.ts";

/** An open file of named tensors. */
export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Text by key, added by the writer. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Closes the file. Tensors can no longer be read. */
  close(): Promise<void>;
}

const DTYPES: ReadonlyMap<unknown, DType> = new Map([
  ["F32", "float32"],
  ["F64", "float64"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["I8", "int8"],
  ["U8", "uint8"],
  ["I16", "int16"],
  ["U16", "uint16"],
  ["I32", "int32"],
  ["U32", "uint32"],
  ["I64", "int64"],
  ["U64", "uint64"],
  ["BOOL", "bool"],
]);

/** Maximum size of a header, in bytes. The specification allows 100 MB, which takes gigabytes as JSON. With 10,000 tensors it has 1 MB. */
const largestHeader = 2 ** 24;

/** Opens a file. Its tensors are read on demand. Throws `CheckpointError`. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await RandomAccessFile.open(path);
  try {
    const { header, dataStart } = await readHeader(file);
    const { __metadata__: metadata = {}, ...descriptions } = header;
    const tensors = Object.entries(descriptions).map(
      ([name, description]) => [name, storedTensor(file, dataStart, name, description)] as const,
    );
    const texts = Object.entries(asObject(metadata)).map(([key, text]) => [key, String(text)]);
    return {
      path,
      tensors: new Map(tensors),
      metadata: Object.fromEntries(texts),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(file: RandomAccessFile): Promise<{ header: JsonObject; dataStart: number }> {
  const length = new Uint8Array(8);
  await file.read(0, length);
  const bytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  if (bytes > largestHeader || bytes + 8 > file.size)
    throw new CheckpointError(file.path, "is not a safetensors file, or was cut short within its header.");
  const text = new Uint8Array(bytes);
  await file.read(8, text);
  return { header: parseHeader(file.path, Buffer.from(text).toString("utf8")), dataStart: 8 + bytes };
}

function parseHeader(path: string, text: string): JsonObject {
  try {
    const header: unknown = JSON.parse(text);
    if (isObject(header)) return header;
  } catch {
    // Reported below, like a header that is not an object.
  }
  throw new CheckpointError(path, "is not a safetensors file: its header is not JSON.");
}

function storedTensor(
  file: RandomAccessFile,
  dataStart: number,
  name: string,
  description: unknown,
): CheckpointTensor {
  const { dtype, shape, start, end } = checkedDescription(file.path, name, description);
  const length = product(shape) * bytesPerElement(dtype);
  if (length !== end - start)
    throw new CheckpointError(
      file.path,
      `is damaged: "${name}" has ${end - start} bytes instead of ${length}.`,
    );
  if (dataStart + end > file.size)
    throw new CheckpointError(file.path, `was cut short: "${name}" extends past the end of the file.`);
  return new CheckpointTensor(dtype, shape, rowMajor(shape), async (into = new Uint8Array(length)) => {
    await file.read(dataStart + start, into);
    return into;
  });
}

function checkedDescription(path: string, name: string, description: unknown) {
  if (isObject(description)) {
    const dtype = DTYPES.get(description.dtype);
    if (dtype === undefined)
      throw new CheckpointError(path, `has "${name}" in the unsupported type ${description.dtype}.`);
    const { shape, data_offsets: offsets } = description;
    if (isSizes(shape) && isSizes(offsets)) {
      const [start = 0, end = 0] = offsets;
      return { dtype, shape, start, end };
    }
  }
  throw new CheckpointError(path, `is damaged: its description of "${name}" is invalid.`);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
