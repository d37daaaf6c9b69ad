/**
 * Reads Python pickles, protocol 2, as PyTorch's checkpoints use them. A pickle is a program for a stack machine that may import and call
 * anything. This machine has a closed list of names and opcodes, which only build data, and refuses all others by name. Spec: the opcodes
 * of Python's `pickletools`, and the names that `torch.load(weights_only=True)` allows.
 */
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
import { CheckpointTensor, type DType, isDType } from "./tensor.ts";

/** A pickle is damaged, or names something that no checkpoint of weights needs. */
export class PickleError extends Error {
  override readonly name = "PickleError";
}

/** A tensor as a pickle describes it. Offset and strides are in elements. */
export interface TensorView {
  readonly storage: TorchStorage;
  readonly dtype: DType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Reads the value of a checkpoint's `data.pkl`. Throws `PickleError`. */
export function unpickle(
  bytes: Uint8Array,
  openTensor: (view: TensorView) => CheckpointTensor,
): CheckpointValue {
  return new Unpickler(bytes, openTensor).run();
}

const storageDTypes: Readonly<Record<string, DType>> = {
  "torch.FloatStorage": "float32",
  "torch.DoubleStorage": "float64",
  "torch.HalfStorage": "float16",
  "torch.BFloat16Storage": "bfloat16",
  "torch.CharStorage": "int8",
  "torch.ByteStorage": "uint8",
  "torch.ShortStorage": "int16",
  "torch.IntStorage": "int32",
  "torch.LongStorage": "int64",
  "torch.BoolStorage": "bool",
};

/** Names that are kept and never run. Dtypes are allowed by their prefix. */
const inertNames = new Set([
  "torch.storage.UntypedStorage",
  "torch.nn.modules.normalization.LayerNorm",
  "numpy.ndarray",
  ...Object.keys(storageDTypes),
]);

/** Functions whose calls are kept as descriptions: devices, and arguments and numbers of NumPy that training programs store. */
const describedCalls = new Set([
  ...["numpy.core.multiarray", "numpy._core.multiarray"].flatMap((module) => [
    `${module}.scalar`,
    `${module}._reconstruct`,
  ]),
  "numpy.dtype",
  ...["torch.device", "functools.partial", "argparse.Namespace"],
  ...["pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath"],
]);

const builders: Readonly<
  Record<string, (args: readonly CheckpointValue[], machine: Unpickler) => CheckpointValue>
> = {
  "collections.OrderedDict": ([pairs]) => fillDict(new OrderedDict(), pairs),
  // The type of the configuration in BiaPy before 3.6.
  "yacs.config.CfgNode": ([pairs]) => fillDict(new PythonDict(), pairs),
  "builtins.set": ([items]) => new Set(items === undefined ? [] : listOf(items)),
  "builtins.frozenset": ([items]) => new Set(items === undefined ? [] : listOf(items)),
  "builtins.bytes": () => new Uint8Array(),
  "builtins.bytearray": ([content]) => (content instanceof Uint8Array ? content : latin1Bytes(content ?? "")),
  "_codecs.encode": ([text]) => latin1Bytes(text ?? ""),
  "torch.Size": ([items]) => new PythonTuple(items === undefined ? [] : listOf(items)),
  "torch._utils._rebuild_parameter": ([tensor]) => {
    if (tensor instanceof CheckpointTensor) return tensor;
    throw new PickleError("a parameter without a tensor");
  },
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides], machine) =>
    machine.tensor(storage, offset, shape, strides),
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, , , dtype], machine) =>
    machine.tensor(storage, offset, shape, strides, dtype),
};

class Unpickler {
  private at = 0;
  private stack: CheckpointValue[] = [];
  /** Stacks saved by MARK. */
  private readonly outer: CheckpointValue[][] = [];
  private readonly memo = new Map<number, CheckpointValue>();
  private readonly view: DataView;
  private readonly instructions = new Map<string, () => void>([
    ["\x80", () => this.protocol(this.uint8())], // PROTO
    ["(", () => this.mark()],
    ["0", () => this.pop()], // POP
    ["N", () => this.push(null)],
    ["\x88", () => this.push(true)],
    ["\x89", () => this.push(false)],
    ["K", () => this.push(this.uint8())], // BININT1
    ["M", () => this.push(this.view.getUint16(this.advance(2), true))], // BININT2
    ["J", () => this.push(this.view.getInt32(this.advance(4), true))], // BININT
    ["\x8a", () => this.push(wholeNumber(this.take(this.uint8())))], // LONG1
    ["G", () => this.push(new PythonFloat(this.view.getFloat64(this.advance(8), false)))], // BINFLOAT
    ["X", () => this.push(this.text(this.uint32()))], // BINUNICODE
    ["U", () => this.push(this.text(this.uint8()))], // SHORT_BINSTRING
    [")", () => this.push(new PythonTuple([]))],
    ["\x85", () => this.push(new PythonTuple(this.popMany(1)))], // TUPLE1
    ["\x86", () => this.push(new PythonTuple(this.popMany(2)))], // TUPLE2
    ["\x87", () => this.push(new PythonTuple(this.popMany(3)))], // TUPLE3
    ["t", () => this.push(new PythonTuple(this.popToMark()))], // TUPLE
    ["]", () => this.push([])],
    ["a", () => this.append(this.popMany(1))], // APPEND
    ["e", () => this.append(this.popToMark())], // APPENDS
    ["}", () => this.push(new PythonDict())],
    ["s", () => this.setItems(this.popMany(2))], // SETITEM
    ["u", () => this.setItems(this.popToMark())], // SETITEMS
    ["q", () => this.remember(this.uint8())], // BINPUT
    ["r", () => this.remember(this.uint32())], // LONG_BINPUT
    ["h", () => this.recall(this.uint8())], // BINGET
    ["j", () => this.recall(this.uint32())], // LONG_BINGET
    ["c", () => this.push(knownName(this.line(), this.line()))], // GLOBAL
    ["R", () => this.call()], // REDUCE
    ["\x81", () => this.call()], // NEWOBJ
    ["b", () => this.setState(this.pop())], // BUILD
    ["Q", () => this.push(storageOf(this.pop()))], // BINPERSID
  ]);

  constructor(
    private readonly bytes: Uint8Array,
    private readonly openTensor: (view: TensorView) => CheckpointTensor,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): CheckpointValue {
    for (;;) {
      const place = this.at;
      const opcode = String.fromCharCode(this.uint8());
      if (opcode === ".") return this.pop();
      const instruction = this.instructions.get(opcode);
      if (!instruction) throw unknownInstruction(opcode, place);
      instruction();
    }
  }

  private protocol(version: number): void {
    if (version !== 2)
      throw new PickleError(
        `pickle protocol ${version}, which is not supported; PyTorch writes protocol 2 by default`,
      );
  }

  private mark(): void {
    this.outer.push(this.stack);
    this.stack = [];
  }

  private call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PythonName) || !(args instanceof PythonTuple))
      throw new PickleError("a call of something that is not a function");
    this.push(this.result(callee.name, args.items));
  }

  private result(name: string, args: readonly CheckpointValue[]): CheckpointValue {
    if (describedCalls.has(name)) return new PythonCall(name, args);
    const build = Object.hasOwn(builders, name) ? builders[name] : undefined;
    if (!build) throw new PickleError(`a call of ${name}, which is not a function`);
    return build(args, this);
  }

  /** Ignores attributes that Python would set: `_metadata` of an OrderedDict, flags of a CfgNode. */
  private setState(state: CheckpointValue): void {
    const target = this.top();
    if (target instanceof PythonCall) target.state = state;
    else if (!(target instanceof PythonDict)) throw new PickleError(`attributes set on a ${nameOf(target)}`);
  }

  private append(items: CheckpointValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError(`items appended to a ${nameOf(list)}`);
    for (const item of items) list.push(item);
  }

  private setItems(items: CheckpointValue[]): void {
    const dict = this.top();
    if (!(dict instanceof PythonDict)) throw new PickleError(`items set on a ${nameOf(dict)}`);
    if (items.length % 2) throw new PickleError("a key without a value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i] ?? null, items[i + 1] ?? null);
  }

  tensor(
    storage: CheckpointValue | undefined,
    offset: CheckpointValue | undefined,
    shape: CheckpointValue | undefined,
    strides: CheckpointValue | undefined,
    dtypeName?: CheckpointValue,
  ): CheckpointTensor {
    if (!(storage instanceof TorchStorage)) throw new PickleError("a tensor without storage");
    const stated = dtypeName instanceof PythonName ? dtypeName.name.replace("torch.", "") : undefined;
    const dtype = stated ?? storageDTypes[storage.storageType];
    if (dtype === undefined || !isDType(dtype))
      throw new PickleError(`a tensor of type ${stated ?? storage.storageType}, which is not supported`);
    const view = { storage, dtype, offset: size(offset), shape: sizes(shape), strides: sizes(strides) };
    if (view.shape.length !== view.strides.length)
      throw new PickleError(`a tensor with ${view.shape.length} axes and ${view.strides.length} strides`);
    return this.openTensor(view);
  }

  private remember(index: number): void {
    this.memo.set(index, this.top());
  }

  private recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleError(`a reference to value ${index}, which does not exist`);
    this.push(value);
  }

  private push(value: CheckpointValue): void {
    this.stack.push(value);
  }

  private pop(): CheckpointValue {
    const value = this.stack.pop();
    if (value === undefined) throw new PickleError("an empty stack");
    return value;
  }

  private top(): CheckpointValue {
    const value = this.stack.at(-1);
    if (value === undefined) throw new PickleError("an empty stack");
    return value;
  }

  private popMany(count: number): CheckpointValue[] {
    if (this.stack.length < count) throw new PickleError("an empty stack");
    return this.stack.splice(this.stack.length - count);
  }

  private popToMark(): CheckpointValue[] {
    const outer = this.outer.pop();
    if (!outer) throw new PickleError("an end without a beginning");
    const items = this.stack;
    this.stack = outer;
    return items;
  }

  /** Returns the position and moves past the next `count` bytes. */
  private advance(count: number): number {
    const place = this.at;
    if (place + count > this.bytes.byteLength) throw new PickleError("an end in the middle");
    this.at += count;
    return place;
  }

  private take(count: number): Uint8Array {
    const place = this.advance(count);
    return this.bytes.subarray(place, place + count);
  }

  private uint8(): number {
    return this.view.getUint8(this.advance(1));
  }

  private uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  private text(length: number): string {
    return utf8.decode(this.take(length));
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleError("an end in the middle");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }
}

function unknownInstruction(opcode: string, place: number): PickleError {
  const code = opcode.charCodeAt(0).toString(16).padStart(2, "0");
  return new PickleError(`pickle instruction 0x${code} at byte ${place}, which PyTorch does not write`);
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function knownName(module: string, attribute: string): PythonName {
  const name = `${module === "__builtin__" ? "builtins" : module}.${attribute}`;
  const isTorchDType = module === "torch" && isDType(attribute);
  if (isTorchDType || inertNames.has(name) || describedCalls.has(name) || Object.hasOwn(builders, name))
    return new PythonName(name);
  throw new PickleError(
    `an import of ${JSON.stringify(name)}, which checkpoints of weights do not use. It was not run`,
  );
}

/** `("storage", storage class, key, device, elements)`, which is how PyTorch refers to the entries `data/<key>`. */
function storageOf(id: CheckpointValue): TorchStorage {
  const [kind, type, key, , elements] = id instanceof PythonTuple ? id.items : [];
  if (kind !== "storage" || !(type instanceof PythonName) || typeof key !== "string")
    throw new PickleError("a reference outside the pickle that is not to a storage");
  return new TorchStorage(type.name, key, size(elements));
}

function fillDict<D extends PythonDict>(dict: D, pairs: CheckpointValue | undefined): D {
  for (const pair of pairs === undefined ? [] : listOf(pairs)) {
    const [key, value] = listOf(pair);
    if (key === undefined || value === undefined) throw new PickleError("a key without a value");
    dict.set(key, value);
  }
  return dict;
}

function listOf(value: CheckpointValue): readonly CheckpointValue[] {
  if (value instanceof PythonTuple) return value.items;
  if (isList(value)) return value;
  throw new PickleError(`a ${nameOf(value)} instead of a list`);
}

function size(value: CheckpointValue | undefined): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new PickleError(`${nameOf(value ?? null)} instead of a size`);
}

function sizes(value: CheckpointValue | undefined): number[] {
  return listOf(value ?? null).map(size);
}

/** Protocol 2 has no bytes: they are written as text of the characters 0 to 255 and an encoding. */
function latin1Bytes(text: CheckpointValue): Uint8Array {
  if (typeof text !== "string" || /[^\0-\xff]/.test(text)) throw new PickleError("bytes that are not bytes");
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Decodes a little-endian two's complement integer of any length. */
function wholeNumber(bytes: Uint8Array): number | bigint {
  const unsigned = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const value = BigInt.asIntN(bytes.byteLength * 8, unsigned);
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}
