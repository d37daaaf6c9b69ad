/**
 * Kernels that TensorFlow.js lacks, registered with it under their own names. TensorFlow.js types neither a kernel's operands nor its
 * attributes, so each {@link Kernel} states them, and they are checked where TensorFlow.js passes them on.
 */
import { tf } from "./tensor.ts";

type AttributeValue = number | boolean | string | readonly number[];
type Check<T> = (value: unknown) => value is T;

/** The operands and attributes of a kernel, this engine's or TensorFlow.js's own. */
export interface Signature<Operand extends string, Attributes> {
  /** Names of the tensors that the kernel takes. */
  readonly operands: readonly Operand[];
  readonly attributes: { readonly [Name in keyof Attributes]-?: Check<Attributes[Name]> };
}

/** A kernel of this engine, by the name under which it is registered. */
export interface Kernel<Operand extends string, Attributes> extends Signature<Operand, Attributes> {
  readonly name: string;
}

// ---- checks of attributes ------------------------------------------------------------------------------------------

export const isNumber = (value: unknown): value is number => typeof value === "number";
export const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
export const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every(isNumber);

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value): value is T | undefined => value === undefined || check(value);
}

export function either<A, B>(a: Check<A>, b: Check<B>): Check<A | B> {
  return (value): value is A | B => a(value) || b(value);
}

type Unchecked = Readonly<Record<string, unknown>>;

function hasOperands<Operand extends string, T>(
  given: Unchecked,
  names: readonly Operand[],
  isOperand: Check<T>,
): given is Unchecked & Readonly<Record<Operand, T>> {
  return names.every((name) => isOperand(given[name]));
}

function hasAttributes<Attributes>(
  given: Unchecked,
  checks: Signature<string, Attributes>["attributes"],
): given is Unchecked & Attributes {
  return Object.entries<Check<unknown>>(checks).every(([name, check]) => check(given[name]));
}

/** Returns operands by the names that a signature gives them. Throws where one is missing. */
export function operandsOf<Operand extends string, T>(
  { operands }: Pick<Signature<Operand, unknown>, "operands">,
  given: Unchecked,
  isOperand: Check<T>,
): Readonly<Record<Operand, T>> {
  if (!hasOperands(given, operands, isOperand))
    throw new Error(`the kernel takes ${operands.join(", ")}, not ${Object.keys(given).join(", ")}`);
  return given;
}

/** Returns attributes by a signature. Throws where one is missing or of another type. */
export function attributesOf<Attributes>(
  { attributes }: Pick<Signature<string, Attributes>, "attributes">,
  given: Unchecked,
): Attributes {
  if (!hasAttributes(given, attributes))
    throw new Error(
      `the kernel's attributes ${Object.keys(attributes).join(", ")} cannot be ${JSON.stringify(given)}`,
    );
  return given;
}

// ---- running kernels -----------------------------------------------------------------------------------------------

type Attributed<Attributes> = { readonly [Name in keyof Attributes]: AttributeValue | undefined };

function attributeMap(attributes: object): tf.NamedAttrMap {
  const entries = Object.entries<AttributeValue | undefined>({ ...attributes });
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "object" ? [...value] : value]],
    ),
  );
}

/** Runs a kernel that has one result. */
export function runKernel<Operand extends string, Attributes extends Attributed<Attributes>>(
  { name }: Kernel<Operand, Attributes>,
  operands: Readonly<Record<Operand, tf.Tensor>>,
  attributes: Attributes,
): tf.Tensor {
  return tf.engine().runKernel<tf.Tensor>(name, operands, attributeMap(attributes));
}

/** Runs a kernel that has several results. */
export function runKernelForAll<Operand extends string, Attributes extends Attributed<Attributes>>(
  { name }: Kernel<Operand, Attributes>,
  operands: Readonly<Record<Operand, tf.Tensor>>,
  attributes: Attributes,
): readonly tf.Tensor[] {
  return tf.engine().runKernel<tf.Tensor[]>(name, operands, attributeMap(attributes));
}

// ---- registering kernels -------------------------------------------------------------------------------------------

const COMPOSED_ON = ["cpu", "wasm", "tensorflow", "webgl", "webgpu"];
const isTensor = (value: unknown): value is tf.Tensor => value instanceof tf.Tensor;

/** Registers a kernel composed of TensorFlow.js ops, for backends that have none of their own. */
export function registerComposed<Operand extends string, Attributes>(
  kernel: Kernel<Operand, Attributes>,
  compute: (
    operands: Readonly<Record<Operand, tf.Tensor>>,
    attributes: Attributes,
  ) => tf.Tensor | tf.Tensor[],
): void {
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs = {} }) => {
    const operands = operandsOf(kernel, inputs, isTensor);
    const attributes = attributesOf(kernel, attrs);
    return tf.tidy(() => compute(operands, attributes));
  };
  for (const backendName of COMPOSED_ON)
    tf.registerKernel({ kernelName: kernel.name, backendName, kernelFunc });
}

/** What a gradient reads of the forward pass. */
interface Saved<Operand extends string, Result extends string> {
  readonly operands?: readonly Operand[];
  /** Names of all results, `""` for one that is not saved. */
  readonly results?: readonly (Result | "")[];
}

/**
 * Registers a kernel's gradient.
 *
 * @param saves which operands and results `gradient` reads
 * @param gradient returns the derivative by each operand; `dy` is the gradient of the first result, the only one that has one
 */
export function registerGradient<
  Operand extends string,
  Attributes,
  SavedOperand extends Operand = never,
  Result extends string = never,
>(
  kernel: Kernel<Operand, Attributes>,
  saves: Saved<SavedOperand, Result>,
  gradient: (
    dy: tf.Tensor,
    saved: Readonly<Record<SavedOperand | Result, tf.Tensor>>,
    attributes: Attributes,
  ) => Readonly<Record<Operand, () => tf.Tensor>>,
): void {
  const { operands = [], results = [] } = saves;
  const names = [...operands, ...results.filter((name): name is Result => name !== "")];
  tf.registerGradient({
    kernelName: kernel.name,
    inputsToSave: [...operands],
    outputsToSave: results.map((name) => name !== ""),
    gradFunc: (dys, saved, attributes) => {
      const [dy] = [dys].flat();
      if (dy === undefined) throw new Error(`The gradient of ${kernel.name} has no gradient to start from.`);
      const named = Object.fromEntries(names.map((name, index) => [name, saved[index]]));
      return gradient(
        dy,
        operandsOf<SavedOperand | Result, tf.Tensor>({ operands: names }, named, isTensor),
        attributesOf(kernel, attributes),
      );
    },
  });
}
