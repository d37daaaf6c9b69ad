/** The ONNX network of any package as a model of patches, with its own pre- and postprocessing, for images of matching axes. */

import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CheckpointError } from "../../checkpoint/checkpoint-error.ts";
import { readNpy } from "../../checkpoint/npy.ts";
import { channelsOf, ndimOf, workflowOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { type Measures, measureValues } from "../../data/channel-statistics.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import { type Axis, type Box, boxOf } from "../../data/tiling.ts";
import { at, exactly } from "../../facts/checked-lists.ts";
import { logitsOf } from "../../facts/workflows.ts";
import type { Image } from "../../images/image.ts";
import { ForeignNetworkError, ForeignSession, takesShape } from "../../runtime/onnx/foreign-session.ts";
import { endsLinear } from "../../runtime/onnx/last-operator.ts";
import type { PatchModels } from "../patch-models.ts";
import type { PatchModel } from "../predict.ts";
import { patchBox } from "../settings.ts";
import {
  fromLayout,
  isOwn,
  type Layout,
  layoutOf,
  nearestSize,
  OWN_AXES,
  sizeAlong,
  toLayout,
} from "./axis-layout.ts";
import { activations, type Need, type OperatedTensor, type Operation, operationsOf } from "./operations.ts";
import {
  type PackageAxis,
  type PackageDescription,
  PackageError,
  type Processing,
  type ZooPackage,
} from "./read-package.ts";

/** A package's network, opened for the images of a configuration. */
export class ForeignModel implements PatchModels {
  readonly batchSize = 1;
  readonly takesOneSize: boolean;

  private constructor(
    readonly name: string,
    /** The output's name for the workflow's result files. */
    readonly output: string,
    private readonly session: ForeignSession,
    private readonly facts: ForeignFacts,
    /** Number of channels that the network returns. */
    readonly channels: number,
    /** The function that makes probabilities of the network's output, which the package leaves out. */
    readonly activation?: "sigmoid" | "softmax",
  ) {
    this.takesOneSize = facts.sizes.slice(1).some((size) => typeof size === "number");
  }

  /**
   * Opens a package's network for the images of a configuration.
   *
   * @param folder an empty folder for the network's files
   * @returns the model, and the configuration with the patches that it takes
   * @throws {PackageError} if the package's network or operations cannot be used
   */
  static async open(
    opened: ZooPackage,
    config: Config,
    { folder, threads }: { readonly folder: string; readonly threads: number },
  ): Promise<{ model: ForeignModel; config: Config }> {
    const { description, copy } = opened;
    const { onnx } = description.weights;
    if (onnx == null) throw new PackageError(`${description.name} has no network in ONNX.`);
    const facts = foreignFacts(description, config);
    const file = join(folder, "network.onnx");
    await copy(onnx.source, file, onnx.sha256);
    if (onnx.external_data != null) {
      const { source, sha256 } = onnx.external_data;
      await copy(source, join(folder, basename(source)), sha256);
    }
    try {
      const network = await readFile(file);
      const session = ForeignSession.open(network, folder, threads);
      try {
        const channels = await returnedChannels(session, facts);
        const output = workflowOf(config) === "segmentation" ? "probability" : "prediction";
        const activation = await missingActivation(config, opened, channels, network, folder);
        const model = new ForeignModel(
          description.name,
          output,
          session,
          activation === undefined ? facts : { ...facts, after: [activations[activation]] },
          channels,
          activation,
        );
        return { model, config: configured(config, facts) };
      } catch (error) {
        session.release();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof ForeignNetworkError)) throw error;
      throw new PackageError(`the network of ${description.name} ${error.message}.`);
    }
  }

  /** Number of outputs of the network; the first one is used. */
  get outputs(): number {
    return this.session.outputs;
  }

  /** Whether postprocessing needs the output of a whole image. */
  get needsWholeImages(): boolean {
    return this.facts.after.some(({ needs }) => needs.some(({ of }) => of === "output"));
  }

  complete(size: number, axis: 1 | 2): number {
    return allowedSize(this.facts.sizes[axis], size);
  }

  async modelFor(patch: Box, _: number, image: NormalizedImage): Promise<PatchModel> {
    const { before, after, channels } = this.facts;
    const known = new Map<string, Measures>();
    const remember = async (operations: readonly Operation[], of: Need["of"], measured: Measured) => {
      for (const need of operations.flatMap(({ needs }) => needs))
        if (need.of === of && !known.has(keyOf(need))) known.set(keyOf(need), await measured(need));
    };
    await remember([...before, ...after], "input", (need) => measuredImage(image, need));
    const apply = (operations: readonly Operation[], values: Float32Array, count: number) => {
      for (const operation of operations)
        operation.apply(
          values,
          count,
          operation.needs.map((need) => known.get(keyOf(need)) ?? []),
        );
    };
    const whole = this.needsWholeImages;
    return {
      batchSize: this.batchSize,
      channels: this.channels,
      outputs: [this.output],
      run: async (patches) => {
        const predicted: Float32Array[] = [];
        for (const values of patches) {
          const given = Float32Array.from(values);
          apply(before, given, channels);
          const result = await predictedPatch(this.session, this.facts, given, patch);
          if (!whole) apply(after, result.values, this.channels);
          predicted.push(result.values);
        }
        return { [this.output]: predicted };
      },
      complete: async ({ [this.output]: values }) => {
        if (!whole || values === undefined) return;
        await remember(after, "output", (need) => measuredValues(values, this.channels, need));
        apply(after, values, this.channels);
      },
    };
  }

  /** Does nothing: nothing is compiled for a size of patches, and the network stays open until {@link close}. */
  release(): void {}

  close(): void {
    this.session.release();
  }
}

/** Whether a segmentation's network has one channel per class, and its package names no postprocessing. */
function mayBeLogits(config: Config, { outputs }: PackageDescription, channels: number): boolean {
  if (!segmentsWith(config, channels)) return false;
  const isChange = ({ id, kwargs }: Processing) =>
    id !== "ensure_dtype" || !/^float/.test(String(kwargs?.dtype));
  return !(at(outputs, 0).postprocessing ?? []).some(isChange);
}

/**
 * Like BiaPy, takes the output of a network that ends in a linear layer for logits; unless the package's test output has no value below 0.
 * Returns the function that makes probabilities of logits.
 */
async function missingActivation(
  config: Config,
  opened: ZooPackage,
  channels: number,
  network: Uint8Array,
  folder: string,
): Promise<"sigmoid" | "softmax" | undefined> {
  if (!mayBeLogits(config, opened.description, channels) || !endsLinear(network)) return undefined;
  const tested = await testOutput(opened, folder);
  if (tested?.every((value) => value >= 0) === true) return undefined;
  return channels === 1 ? "sigmoid" : "softmax";
}

/** Returns the package's own test output; undefined if the package has no such file, or it cannot be read. */
async function testOutput(
  { description, copy }: ZooPackage,
  folder: string,
): Promise<readonly number[] | undefined> {
  const tensor = at(description.outputs, 0).test_tensor;
  if (tensor == null) return undefined;
  const file = join(folder, "test-output.npy");
  try {
    await copy(tensor.source, file, tensor.sha256);
    return Array.from((await readNpy(file)).data, Number);
  } catch (error) {
    if (error instanceof PackageError || error instanceof CheckpointError) return undefined;
    throw error;
  }
}

/** Whether a network's output becomes classes: in a segmentation with as many channels as its classes need. */
export const segmentsWith = (config: Config, channels: number): boolean =>
  workflowOf(config) === "segmentation" && logitsOf(config.number("DATA.N_CLASSES")) === channels;

/** What a package says about its network. */
interface ForeignFacts {
  readonly patch: Box;
  /** Channels of images. */
  readonly channels: number;
  /** Allowed sizes along z, y and x. */
  readonly sizes: readonly PackageAxis["size"][];
  /** Pixels at each border that give context only, along z, y and x. */
  readonly halo: Box;
  readonly input: Layout;
  readonly output: Layout;
  readonly before: readonly Operation[];
  readonly after: readonly Operation[];
}

function foreignFacts({ name, inputs, outputs }: PackageDescription, config: Config): ForeignFacts {
  const [input, output] = [at(inputs, 0), at(outputs, 0)];
  const [from, to] = [layoutOf(input.axes, name), layoutOf(output.axes, name)];
  const axisOf = (axes: readonly PackageAxis[], layout: Layout, axis: Axis) =>
    axes[layout.axes.indexOf(at(OWN_AXES, axis))];
  const sizes = ([0, 1, 2] as const).map((axis) => axisOf(input.axes, from, axis)?.size);
  const own = patchBox(config);
  const tensor = (kind: Need["of"], { id, axes }: typeof input | typeof output): OperatedTensor => ({
    kind,
    id,
    axes: axes.map((axis) => (axis.type === "space" ? (axis.id ?? "") : axis.type)),
    input: input.id,
  });
  return {
    patch: boxOf((axis) => (axis === 0 && ndimOf(config) === 2 ? 1 : nearestSize(sizes[axis], own[axis]))),
    channels: channelsOf(config),
    sizes,
    halo: boxOf((axis) => axisOf(output.axes, to, axis)?.halo ?? 0),
    input: from,
    output: to,
    before: operationsOf(input.preprocessing ?? [], tensor("input", input)),
    after: operationsOf(output.postprocessing ?? [], tensor("output", output)),
  };
}

/** Returns the configuration for a package's patches. Images are not normalized, because the package has its own preprocessing. */
function configured(config: Config, { patch, channels, halo }: ForeignFacts): Config {
  const space = ndimOf(config) === 3 ? patch : patch.slice(1);
  const padding = config.numbers("DATA.TEST.PADDING");
  const context = halo.slice(-space.length).map((pixels, axis) => Math.max(pixels, padding[axis] ?? 0));
  return config
    .with("DATA.PATCH_SIZE", [...space, channels])
    .with("DATA.TEST.PADDING", context)
    .with("DATA.NORMALIZATION.TYPE", "zero_mean_unit_variance")
    .with("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.MEAN_VAL", [0])
    .with("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.STD_VAL", [1])
    .with("DATA.NORMALIZATION.PERC_CLIP.ENABLE", false)
    .with("DATA.NORMALIZATION.TARGET.ENABLE", false);
}

/**
 * Returns the smallest allowed size for an image of this size. Throws {@link PackageError} if the image is larger than the network takes.
 */
function allowedSize(allowed: PackageAxis["size"], size: number): number {
  const found = nearestSize(allowed, size);
  if (found >= size) return found;
  throw new PackageError(
    `TEST.FULL_IMG: the package takes ${found} pixels at a time, and an image has ${size}. Turn it off.`,
  );
}

type Measured = (need: Need) => Promise<Measures>;

const keyOf = (need: Need) => JSON.stringify([need.of, need.percentiles, need.between, need.joint]);

const measuredImage = (image: NormalizedImage, need: Need): Promise<Measures> =>
  measureValues(() => image.parts(), need.joint ? 1 : image.info.shape[3], need.percentiles, need.between);

async function measuredValues(values: Float32Array, channels: number, need: Need): Promise<Measures> {
  const image: Image = {
    shape: [1, 1, values.length / channels, channels],
    sampleType: "float32",
    data: values,
  };
  return measureValues(() => [image], need.joint ? 1 : channels, need.percentiles, need.between);
}

/**
 * Returns the number of channels that the network returns for black pixels. Throws {@link ForeignNetworkError} if that is not an image of
 * the same size.
 */
async function returnedChannels(session: ForeignSession, facts: ForeignFacts): Promise<number> {
  const { patch, channels } = facts;
  const black = new Float32Array(patch[0] * patch[1] * patch[2] * channels);
  return (await predictedPatch(session, facts, black, patch)).channels;
}

/** Applies the network to one patch `[z, y, x, channel]`. Throws {@link ForeignNetworkError} if its shapes are not as described. */
async function predictedPatch(
  session: ForeignSession,
  { input, output, channels }: Pick<ForeignFacts, "input" | "output" | "channels">,
  values: Float32Array,
  patch: Box,
): Promise<{ values: Float32Array; channels: number }> {
  const given = toLayout(values, [...patch, channels], input);
  if (!takesShape(session.inputShape, given.shape))
    throw new ForeignNetworkError(
      `takes ${inWords(session.inputShape)}, and its description says ${inWords(given.shape)} (${input.axes.join(", ")})`,
    );
  const returned = await session.run(given);
  if (returned.shape.length !== output.axes.length)
    throw new ForeignNetworkError(
      `returns ${inWords(returned.shape)}, and its description has the axes ${output.axes.join(", ")}`,
    );
  const others = returned.shape.filter((_, index) => !isOwn(output.axes[index]));
  if (others.some((size) => size !== 1))
    throw new ForeignNetworkError(
      `returns ${inWords(returned.shape)} for one image: only ${OWN_AXES.join(", ")} may be larger than 1`,
    );
  const [z, y, x, count] = exactly(
    OWN_AXES.map((axis) => sizeAlong(returned, output, axis)),
    4,
  );
  if (String([z, y, x]) !== String(patch))
    throw new ForeignNetworkError(
      `returns ${inWords([z, y, x])} pixels for ${inWords(patch)}: only networks that keep an image's size are supported`,
    );
  return { values: fromLayout(returned, output), channels: count };
}

const inWords = (shape: readonly (number | undefined)[]) => shape.map((size) => size ?? "any").join(" x ");
