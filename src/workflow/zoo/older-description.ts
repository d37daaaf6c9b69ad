/** Converts descriptions by bioimageio.spec 0.4 to the parts of 0.5 that this engine reads. */

import { asArray, asObject, isObject, type JsonObject } from "../../facts/json.ts";

const objects = (value: unknown): readonly JsonObject[] => asArray(value).filter(isObject);

/** The types and names of 0.5 for the letters of axes of 0.4. */
const AXES: Readonly<Record<string, { readonly type: string; readonly id: string }>> = {
  b: { type: "batch", id: "batch" },
  i: { type: "index", id: "index" },
  t: { type: "time", id: "time" },
  c: { type: "channel", id: "channel" },
  z: { type: "space", id: "z" },
  y: { type: "space", id: "y" },
  x: { type: "space", id: "x" },
};

const MOST_CHANNELS = 10_000;

/** Converts a description of version 0.4 to the form of 0.5. Other versions are returned unchanged. */
export function inNewForm(document: unknown): unknown {
  if (!isObject(document) || !/^0\.4\./.test(String(document.format_version))) return document;
  const weights = asObject(document.weights);
  return {
    ...document,
    inputs: objects(document.inputs).map((each) => tensor(each, "preprocessing")),
    outputs: objects(document.outputs).map((each, index) => ({
      ...tensor(each, "postprocessing"),
      ...testTensor(document.test_outputs, index),
    })),
    weights: { ...weights, pytorch_state_dict: torchWeights(weights.pytorch_state_dict) },
  };
}

/** 0.4 lists the files of all outputs. */
function testTensor(files: unknown, output: number): JsonObject {
  const source = asArray(files)[output];
  return typeof source === "string" ? { test_tensor: { source } } : {};
}

function tensor(given: JsonObject, processing: "preprocessing" | "postprocessing"): JsonObject {
  const letters = [...String(given.axes)];
  const { shape } = given;
  const size = (axis: number) => {
    if (Array.isArray(shape)) return { size: shape[axis] };
    const list = (name: string) => asArray(asObject(shape)[name]);
    const [min, step] = [list("min")[axis], list("step")[axis]];
    if (min === undefined) return {};
    return { size: step === 0 ? min : { min, step } };
  };
  const halo = asArray(given.halo);
  const sizeOf = (letter: string, axis: number): JsonObject => {
    if (letter === "b") return {};
    return letter === "c" ? channels(size(axis).size) : size(axis);
  };
  return {
    id: given.name,
    axes: letters.map((letter, axis) => ({
      ...(AXES[letter] ?? { type: letter }),
      ...sizeOf(letter, axis),
      ...(Number(halo[axis]) > 0 ? { halo: halo[axis] } : {}),
    })),
    data: { type: given.data_type },
    [processing]: objects(given[processing]).map(operation),
  };
}

/** Returns names of channels, by which 0.5 counts them. */
function channels(size: unknown): JsonObject {
  const count = isObject(size) ? size.min : size;
  if (typeof count !== "number" || !(count > 0 && count <= MOST_CHANNELS)) return {};
  return { channel_names: Array.from({ length: count }, (_, index) => `channel${index}`) };
}

/** Converts an operation: `mode` and letters of axes become a list of axes; fixed numbers become a separate operation. */
function operation({ name, kwargs }: JsonObject): JsonObject {
  const { mode, axes, ...others } = asObject(kwargs);
  const ids = typeof axes === "string" ? [...axes].map((letter) => AXES[letter]?.id ?? letter) : undefined;
  if (name === "zero_mean_unit_variance" && (mode ?? "fixed") === "fixed")
    return { id: "fixed_zero_mean_unit_variance", kwargs: alongChannels(others, ["mean", "std"]) };
  if (name === "scale_linear") return { id: name, kwargs: alongChannels(others, ["gain", "offset"]) };
  const ofDataset = mode === "per_dataset" ? ["batch"] : [];
  return { id: name, kwargs: { ...others, ...(ids === undefined ? {} : { axes: [...ofDataset, ...ids] }) } };
}

const alongChannels = (kwargs: JsonObject, names: readonly string[]): JsonObject =>
  names.some((name) => Array.isArray(kwargs[name])) ? { ...kwargs, axis: "channel" } : kwargs;

/** Converts weights for PyTorch, whose `architecture` is `file.py:Class` or `module.Class`. */
function torchWeights(given: unknown): unknown {
  if (!isObject(given) || typeof given.architecture !== "string") return given;
  const { architecture, kwargs = {} } = given;
  const callable = architecture.split(/[:.]/).at(-1) ?? "";
  const from = architecture.includes(":") ? "" : architecture.slice(0, -callable.length - 1);
  const module = from === "" ? {} : { import_from: from };
  return { ...given, architecture: { callable, ...module, kwargs } };
}
