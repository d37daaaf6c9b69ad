/**
 * Python values of checkpoints. `None`, `bool`, `str`, `list`, `bytes` and `set` become null, boolean, string, array, Uint8Array and
 * Set. An `int` becomes a whole number, or a bigint beyond 2^53. Other types have a class here.
 */
import { CheckpointTensor } from "./tensor.ts";

/** A `float`. Required for whole values: the number 1 is written as an `int`, and 0.5 as a `float`. */
export class PythonFloat {
  constructor(readonly value: number) {}
}

/** A `tuple`. */
export class PythonTuple {
  constructor(readonly items: readonly CheckpointValue[]) {}
}

/** A `dict`. */
export class PythonDict extends Map<CheckpointValue, CheckpointValue> {}

/** A `collections.OrderedDict`, the type of a model's state. */
export class OrderedDict extends PythonDict {}

/** A class, dtype or function that a checkpoint names, such as `torch.float32`. It is never run. */
export class PythonName {
  constructor(readonly name: string) {}
}

/** A call that a checkpoint describes, such as `torch.device("cpu")`. It is never run. */
export class PythonCall {
  /** The state that Python would set on the result (`__setstate__`). */
  state: CheckpointValue = null;
  constructor(
    readonly name: string,
    readonly args: readonly CheckpointValue[],
  ) {}
}

/** A storage: the memory that tensors are views of. Only unusual files contain one outside a tensor. */
export class TorchStorage {
  constructor(
    readonly storageType: string,
    readonly key: string,
    readonly elements: number,
  ) {}
}

/** Any value of a checkpoint. */
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
 * Converts a value to plain JavaScript. Tuples and sets become arrays, dicts objects with string keys, floats numbers, and names and
 * calls their Python text. Shared values stay shared. A value that contains itself, or is nested too deeply, is replaced by "…".
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
  // A value that contains itself finds this instead.
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

/** Whether a value is a list. `Array.isArray` does not narrow to readonly arrays. */
export function isList(value: CheckpointValue): value is readonly CheckpointValue[] {
  return Array.isArray(value);
}

/** Returns a short text for a value, for keys of objects and for messages. */
export function nameOf(value: CheckpointValue): string {
  if (value instanceof PythonFloat) return String(value.value);
  if (value instanceof PythonName || value instanceof PythonCall) return value.name;
  if (value instanceof TorchStorage) return `${value.storageType} ${value.key}`;
  if (value instanceof PythonTuple) return "tuple";
  if (value !== null && typeof value === "object") return isList(value) ? "list" : value.constructor.name;
  return String(value);
}
