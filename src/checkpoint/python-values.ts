/**
 * Python values as checkpoints hold them. `None`, `bool`, `str`, `list`, `bytes` and `set` are JavaScript's own null, boolean, string,
 * array, Uint8Array and Set; an `int` is a whole number (or a bigint beyond 2^53); the rest has a class here.
 */
import { CheckpointTensor } from "./tensor.ts";

/** A `float`. Needed where it is whole: a bare `1` is an `int`, a bare `0.5` can only be a `float`. */
export class PythonFloat {
  constructor(readonly value: number) {}
}

export class PythonTuple {
  constructor(readonly items: readonly CheckpointValue[]) {}
}

/** A `dict`. */
export class PythonDict extends Map<CheckpointValue, CheckpointValue> {}

/** A `collections.OrderedDict`, which is what a model's state is. */
export class OrderedDict extends PythonDict {}

/** A class, dtype or function that a checkpoint names and nothing runs: `torch.float32`. */
export class PythonName {
  constructor(readonly name: string) {}
}

/** A call that a checkpoint describes and nothing runs: `torch.device("cpu")`, `functools.partial(LayerNorm, eps=1e-6)`. */
export class PythonCall {
  /** What Python would set on the result afterwards. */
  state: CheckpointValue = null;
  constructor(
    readonly name: string,
    readonly args: readonly CheckpointValue[],
  ) {}
}

/** A storage: the memory that tensors are views of. It appears by itself only in unusual files. */
export class TorchStorage {
  constructor(
    readonly storageType: string,
    readonly key: string,
    readonly elements: number,
  ) {}
}

export type CheckpointValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PythonFloat
  | PythonTuple
  | PythonDict
  | PythonName
  | PythonCall
  | TorchStorage
  | CheckpointTensor
  | Set<CheckpointValue>
  | readonly CheckpointValue[]
  | { readonly [key: string]: CheckpointValue };

/** Values without Python's distinctions. */
export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CheckpointTensor
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/**
 * A value as plain JavaScript: tuples and sets become arrays, dicts objects (with their keys as strings), floats numbers; names and
 * calls their Python text. Values that appear in several places stay shared; one that contains itself, or lies deeper than any checkpoint's,
 * ends in "…".
 */
export function toPlain(value: CheckpointValue): PlainValue {
  return plainOf(value, new Map(), 0);
}

const deepestPlainValue = 200;

function plainOf(value: CheckpointValue, known: Map<object, PlainValue>, depth: number): PlainValue {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof CheckpointTensor || value instanceof Uint8Array) return value;
  if (value instanceof PythonFloat) return value.value;
  if (value instanceof PythonName || value instanceof TorchStorage) return nameOf(value);
  const seen = known.get(value);
  if (seen !== undefined) return seen;
  if (depth > deepestPlainValue) return "…";
  // A value that contains itself finds this in its own place.
  known.set(value, "…");
  const plain = plainContainer(value, known, depth + 1);
  known.set(value, plain);
  return plain;
}

type Container =
  | PythonCall
  | PythonTuple
  | PythonDict
  | Set<CheckpointValue>
  | readonly CheckpointValue[]
  | { readonly [key: string]: CheckpointValue };

function plainContainer(value: Container, known: Map<object, PlainValue>, depth: number): PlainValue {
  const list = (items: Iterable<CheckpointValue>) => Array.from(items, (item) => plainOf(item, known, depth));
  if (value instanceof PythonCall) return `${value.name}(${value.args.map(nameOf).join(", ")})`;
  if (value instanceof PythonTuple) return list(value.items);
  if (isList(value)) return list(value);
  if (value instanceof Set) return list(value);
  const entries = value instanceof PythonDict ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [nameOf(key), plainOf(item, known, depth)]));
}

/** `Array.isArray`, which TypeScript does not apply to readonly arrays. */
export function isList(value: CheckpointValue): value is readonly CheckpointValue[] {
  return Array.isArray(value);
}

/** A short text for a value: a dict's key in an object, or a value in a message. */
export function nameOf(value: CheckpointValue): string {
  if (value instanceof PythonFloat) return String(value.value);
  if (value instanceof PythonName || value instanceof PythonCall) return value.name;
  if (value instanceof TorchStorage) return `${value.storageType} ${value.key}`;
  if (value instanceof PythonTuple) return "tuple";
  if (value !== null && typeof value === "object") return isList(value) ? "list" : value.constructor.name;
  return String(value);
}
