/** Writes the values of checkpoints as a Python pickle, protocol 2. The counterpart of `unpickle.ts`. */

import { rowMajor } from "../facts/row-major.ts";
import {
  type CheckpointValue,
  isList,
  nameOf,
  OrderedDict,
  PythonCall,
  PythonDict,
  PythonFloat,
  PythonName,
  PythonTuple,
  TorchStorage,
} from "./python-values.ts";
import { CheckpointTensor, type DType } from "./tensor.ts";
import { PickleError } from "./unpickle.ts";

/** A pickled value. The values of its tensors are stored outside it. */
export interface Pickle {
  readonly bytes: Uint8Array;
  /** Tensors by the key of their storage: `tensors[7]` is stored in `data/7`. */
  readonly tensors: readonly CheckpointTensor[];
}

/** Pickles a value. A tensor that appears twice has one storage, like tied weights. Throws `PickleError`. */
export function pickle(value: CheckpointValue): Pickle {
  const pickler = new Pickler();
  return pickler.run(value);
}

/** `uint16`, `uint32` and `uint64` have no storage class: they use untyped storages with a dtype. */
const storageClasses: Readonly<Partial<Record<DType, string>>> = {
  float32: "FloatStorage",
  float64: "DoubleStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int8: "CharStorage",
  uint8: "ByteStorage",
  int16: "ShortStorage",
  int32: "IntStorage",
  int64: "LongStorage",
  bool: "BoolStorage",
};

const deepestValue = 200;

class Pickler {
  private readonly parts: Uint8Array[] = [];
  private readonly keys = new Map<CheckpointTensor, number>();

  run(value: CheckpointValue): Pickle {
    this.opcode("\x80\x02"); // PROTO 2
    this.write(value, []);
    this.opcode("."); // STOP
    return { bytes: Buffer.concat(this.parts), tensors: [...this.keys.keys()] };
  }

  /** @param path keys that lead to the value, for errors */
  private write(value: CheckpointValue, path: readonly string[]): void {
    if (path.length > deepestValue) throw new PickleError("a value that contains itself");
    if (value === null) this.opcode("N");
    else if (typeof value === "boolean") this.opcode(value ? "\x88" : "\x89");
    else if (typeof value === "number") this.number(value);
    else if (typeof value === "bigint") this.bigint(value);
    else if (typeof value === "string") this.text(value);
    else if (value instanceof PythonFloat) this.float(value.value);
    else if (value instanceof CheckpointTensor) this.tensor(value);
    else if (value instanceof PythonTuple) this.tuple(value.items, path);
    else if (isList(value)) this.list(value, path);
    else if (value instanceof PythonDict) this.dict(value, path, value instanceof OrderedDict);
    else if (value instanceof Uint8Array) this.byteString(value);
    else if (value instanceof Set) this.set(value, path);
    else if (value instanceof PythonName || value instanceof PythonCall || value instanceof TorchStorage)
      throw new PickleError(`${nameOf(value)} at ${describePath(path)}, which cannot be written`);
    else if (typeof value === "object") this.dict(new Map(Object.entries(value)), path, false);
    else throw new PickleError(`a value of type ${typeof value} at ${describePath(path)}`);
  }

  private number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.float(value);
    else if (value >= 0 && value <= 0xff)
      this.parts.push(Uint8Array.of(0x4b, value)); // BININT1
    else if (value >= -(2 ** 31) && value < 2 ** 31) {
      const int = Buffer.alloc(5, "J"); // BININT
      int.writeInt32LE(value, 1);
      this.parts.push(int);
    } else this.bigint(BigInt(value));
  }

  private bigint(value: bigint): void {
    const bytes: number[] = [];
    for (let rest = value; ; rest >>= 8n) {
      bytes.push(Number(rest & 0xffn));
      if (BigInt.asIntN(bytes.length * 8, value) === value) break;
    }
    if (bytes.length > 0xff) throw new PickleError("an integer of over 2040 bits");
    this.parts.push(Uint8Array.of(0x8a, bytes.length, ...bytes)); // LONG1
  }

  private float(value: number): void {
    const float = Buffer.alloc(9, "G"); // BINFLOAT
    float.writeDoubleBE(value, 1);
    this.parts.push(float);
  }

  private text(value: string): void {
    const utf8 = Buffer.from(value, "utf8");
    const head = Buffer.alloc(5, "X"); // BINUNICODE
    head.writeUInt32LE(utf8.byteLength, 1);
    this.parts.push(head, utf8);
  }

  private byteString(value: Uint8Array): void {
    this.global("_codecs", "encode");
    this.text(Buffer.from(value).toString("latin1"));
    this.text("latin1");
    this.opcode("\x86R"); // TUPLE2, REDUCE
  }

  private tuple(items: readonly CheckpointValue[], path: readonly string[]): void {
    this.opcode("(");
    this.items(items, path);
    this.opcode("t");
  }

  private list(items: readonly CheckpointValue[], path: readonly string[]): void {
    this.opcode("](");
    this.items(items, path);
    this.opcode("e");
  }

  private set(items: ReadonlySet<CheckpointValue>, path: readonly string[]): void {
    this.global("__builtin__", "set");
    this.list([...items], path);
    this.opcode("\x85R"); // TUPLE1, REDUCE
  }

  private items(items: readonly CheckpointValue[], path: readonly string[]): void {
    for (const [index, item] of items.entries()) this.write(item, [...path, String(index)]);
  }

  private dict(
    entries: ReadonlyMap<CheckpointValue, CheckpointValue>,
    path: readonly string[],
    ordered: boolean,
  ): void {
    if (ordered) {
      this.global("collections", "OrderedDict");
      this.opcode(")R"); // without arguments
    } else this.opcode("}");
    this.opcode("(");
    for (const [key, value] of entries) {
      const inner = [...path, nameOf(key)];
      this.write(key, inner);
      this.write(value, inner);
    }
    this.opcode("u"); // SETITEMS
  }

  /** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward_hooks)`; v3 adds the dtype. */
  private tensor(tensor: CheckpointTensor): void {
    const storageClass = storageClasses[tensor.dtype];
    this.global("torch._utils", storageClass ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    this.opcode("(");
    this.storage(tensor, storageClass);
    this.number(0);
    this.tuple(tensor.shape, []);
    this.tuple(rowMajor(tensor.shape), []);
    this.opcode("\x89"); // False
    this.dict(new Map(), [], true);
    if (!storageClass) this.global("torch", tensor.dtype);
    this.opcode("tR"); // TUPLE, REDUCE
  }

  private storage(tensor: CheckpointTensor, storageClass: string | undefined): void {
    const key = this.keys.get(tensor) ?? this.keys.size;
    this.keys.set(tensor, key);
    this.opcode("(");
    this.text("storage");
    if (storageClass) this.global("torch", storageClass);
    else this.global("torch.storage", "UntypedStorage");
    this.text(String(key));
    this.text("cpu");
    this.number(storageClass ? tensor.size : tensor.byteLength);
    this.opcode("tQ"); // TUPLE, BINPERSID
  }

  private global(module: string, name: string): void {
    this.opcode(`c${module}\n${name}\n`);
  }

  private opcode(codes: string): void {
    this.parts.push(Buffer.from(codes, "latin1"));
  }
}

function describePath(path: readonly string[]): string {
  return path.length ? path.join(".") : "the top level";
}
