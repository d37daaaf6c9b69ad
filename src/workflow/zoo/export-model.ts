/** Exports a trained model as packages for the BioImage Model Zoo: `biapy --export_model`, MODEL.BMZ.EXPORT. */

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { OrderedDict } from "../../checkpoint/python-values.ts";
import { writeCheckpoint } from "../../checkpoint/pytorch.ts";
import { CheckpointTensor } from "../../checkpoint/tensor.ts";
import { axesOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { zooDescription } from "../../config/zoo-settings.ts";
import { fixedNormalization, measureNormalization } from "../../data/measure-normalization.ts";
import { normalize } from "../../data/normalization.ts";
import { at, entryOf } from "../../facts/checked-lists.ts";
import { npyHeader } from "../../facts/files/npy-header.ts";
import type { Image } from "../../images/image.ts";
import { declaredWeights } from "../../runtime/declared-weights.ts";
import type { Runtime } from "../../runtime/executable.ts";
import { OPSET, portableModel } from "../../runtime/onnx/portable-model.ts";
import { Parameters } from "../../runtime/parameters.ts";
import type { FeatureRequest } from "../features/write-features.ts";
import { InputError } from "../input-error.ts";
import { taskOf } from "../run.ts";
import { prepareImages } from "../run-images.ts";
import { normalizationSettings, patchBox, targetNormalization, trainingSettings } from "../settings.ts";
import { loadStartingWeights } from "../starting-weights.ts";
import { trainingProgram } from "../tasks/task.ts";
import { cover, middlePlane, rangeOf } from "./cover.ts";
import { description, documentation, environment, FILES, type PackageFacts, titleOf } from "./description.ts";
import { channelsFirst, INPUT, OUTPUT, patchShape, type ZooNetwork, zooNetworks } from "./networks.ts";
import { type Processing, postprocessed, postprocessing, preprocessing } from "./processing.ts";
import { SOURCE } from "./torch-architecture.ts";
import { writePackage } from "./zip-package.ts";

export interface ExportRequest extends FeatureRequest {
  readonly configText: string;
  /** The checkpoint. Defaults to the run's best one. */
  readonly checkpoint?: string;
}

/**
 * Writes a package for each network of a configuration into `BMZ_files` of the run: one, or encoder and reconstruction of a masked
 * autoencoder. MODEL.BMZ.EXPORT, which must have been checked, describes it.
 *
 * Throws {@link InputError} if there is no checkpoint or no image for the test tensors, `CheckpointError`, and the signal's reason when
 * aborted.
 *
 * @returns the packages' paths
 */
export async function exportModel(request: ExportRequest): Promise<string[]> {
  const { tree, report, normalizePixels } = request;
  const config = withTestImages(request.config);
  const checkpoint = checkpointOf(request);
  const sample = await sampleImage(config, request);
  const task = await taskOf({ config, tree, normalizePixels });
  const program = trainingProgram(task);
  const runtime = await request.openRuntime({ program, training: trainingSettings(config, "single") });
  const parameters = new Parameters(declaredWeights(program), { trainable: false, threads: runtime.threads });
  try {
    await loadStartingWeights(checkpoint, config, parameters, { complete: true, report });
    const networks = zooNetworks(config, normalizePixels);
    const written: string[] = [];
    for (const [index, network] of networks.entries()) {
      const { path, files } = await packageOf(network, { ...request, config }, sample, runtime, parameters);
      await unlessStopped(request);
      await writePackage(path, files);
      report({ event: "progress", label: "Exporting", done: index + 1, total: networks.length });
      report({ event: "log", level: "info", message: `Model exported to ${path}.` });
      written.push(path);
    }
    return written;
  } finally {
    await parameters.close();
    runtime.release?.();
  }
}

/** Lets a request to stop arrive between steps that compute without interruption. Throws the signal's reason when aborted. */
async function unlessStopped({ signal }: Pick<ExportRequest, "signal">): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

/** Returns the configuration with images for test tensors and covers: the test images, or the training images if no test folder is set. */
function withTestImages(config: Config): Config {
  const tests = config.with("TRAIN.ENABLE", false).with("TEST.ENABLE", true);
  const named = config.sets("DATA.TEST.PATH") && config.flag("TEST.ENABLE");
  return named ? tests : tests.with("DATA.TEST.PATH", config.text("DATA.TRAIN.PATH"));
}

/** Returns the named checkpoint, the one loaded for a test-only run, the run's best one, or the one that it starts from. */
function checkpointOf({ config, tree, checkpoint }: ExportRequest): string {
  if (checkpoint !== undefined) return checkpoint;
  const loaded = config.text("PATHS.CHECKPOINT_FILE");
  if (loaded !== "" && !(config.flag("TRAIN.ENABLE") && existsSync(tree.bestCheckpoint))) return loaded;
  if (existsSync(tree.bestCheckpoint)) return tree.bestCheckpoint;
  const message = `run ${tree.runId} of ${tree.name} has no checkpoint to export: ${tree.bestCheckpoint} does not exist. Train it first, or name a checkpoint.`;
  throw new InputError([{ severity: "error", message }]);
}

/** Returns the middle of the first test image, of the size of a patch, not normalized. */
async function sampleImage(
  config: Config,
  { tree, normalizePixels, report, signal }: ExportRequest,
): Promise<Image> {
  const task = await taskOf({ config, tree, normalizePixels });
  const images = await prepareImages(config.with("DATA.TEST.LOAD_GT", false), task, report, signal);
  try {
    if (images.test === undefined) throw new Error("TEST.ENABLE gives no test images.");
    const image = await images.test.images.image(0);
    const patch = patchBox(config);
    const start = (axis: 0 | 1 | 2) => Math.floor((image.info.shape[axis] - patch[axis]) / 2);
    return await image.cut([start(0), start(1), start(2)], patch);
  } finally {
    await images.close();
  }
}

/** The test tensors of a package, with the operations between them. */
interface TestTensors {
  /** `[1, channel, (z,) y, x]` */
  readonly shape: readonly number[];
  /** Not normalized. */
  readonly input: Float32Array;
  readonly preprocessing: readonly Processing[];
  readonly postprocessing: readonly Processing[];
  readonly outputShape: readonly number[];
  readonly output: Float32Array;
}

/** Predicts the sample image as other programs will: normalized, and with postprocessing. */
async function testTensors(
  network: ZooNetwork,
  config: Config,
  sample: Image,
  runtime: Runtime,
  parameters: Parameters,
): Promise<TestTensors> {
  const shape = patchShape(config);
  const imageChannels = at(shape, 1);
  const settings = normalizationSettings(config);
  const targets = targetNormalization(config);
  const channels = await measureNormalization(() => [sample], imageChannels, settings);
  const normalized = inChannels(normalize(sample, channels), imageChannels);
  const { values, shape: outputShape } = await predicted(network, shape, normalized, runtime, parameters);
  const after = postprocessing(
    network,
    settings,
    channels,
    targets && fixedNormalization(targets, imageChannels),
  );
  return {
    shape,
    input: inChannels(Float32Array.from(sample.data), imageChannels),
    preprocessing: preprocessing(settings, axesOf(config), channels),
    postprocessing: after,
    outputShape,
    output: postprocessed(values, network.outputChannels, after),
  };
}

/** Returns the files of a network's package, and the path to write it to. */
async function packageOf(
  network: ZooNetwork,
  request: ExportRequest,
  sample: Image,
  runtime: Runtime,
  parameters: Parameters,
): Promise<{ path: string; files: Map<string, Uint8Array> }> {
  const { config, tree, configText } = request;
  await unlessStopped(request);
  const tensors = await testTensors(network, config, sample, runtime, parameters);
  const { shape, input, output, outputShape } = tensors;
  await unlessStopped(request);
  const portable = portableModel({
    program: (wanted) => channelsFirst(network, wanted),
    specs: declaredWeights(channelsFirst(network, shape)),
    weight: (name) => parameters.read(name),
    shape,
    steps: [1, 0, ...network.steps],
  });
  const facts: PackageFacts = {
    config,
    about: zooDescription(config),
    network,
    shape,
    steps: portable.steps,
    preprocessing: tensors.preprocessing,
    postprocessing: tensors.postprocessing,
    range: rangeOf(input),
    outputRange: rangeOf(output),
    configText,
    opset: OPSET,
  };
  const page = facts.about.documentation;
  const files = new Map<string, Uint8Array>([
    [FILES.documentation, page === undefined ? Buffer.from(documentation(facts)) : await readFile(page)],
    [FILES.cover, cover(middlePlane(input, shape), middlePlane(output, outputShape))],
    [FILES.input, npy(input, shape)],
    [FILES.output, npy(output, outputShape)],
    [FILES.onnx, portable.bytes],
  ]);
  if (network.torch !== undefined) {
    await unlessStopped(request);
    files.set(FILES.torch, await stateDict(parameters));
    files.set(FILES.environment, Buffer.from(environment()));
    if (network.torch.module === undefined) files.set(FILES.source, Buffer.from(SOURCE));
  }
  const text = description(facts, files);
  const path = join(tree.zooPackages, `${titleOf(facts).replaceAll(/\W+/g, "_").replace(/_$/, "")}.zip`);
  return { path, files: new Map([[FILES.description, Buffer.from(text)], ...files]) };
}

/** Predicts one image `[1, channel, (z,) y, x]` with this engine. */
async function predicted(
  network: ZooNetwork,
  shape: readonly number[],
  image: Float32Array,
  runtime: Runtime,
  parameters: Parameters,
): Promise<{ values: Float32Array; shape: readonly number[] }> {
  const executable = runtime.compile(channelsFirst(network, shape), parameters, { gradients: false });
  try {
    entryOf(executable.inputs, INPUT).set(image);
    await executable.run(0);
    const size = shape.slice(2).map((each) => each / network.reduction);
    return {
      values: Float32Array.from(entryOf(executable.outputs, OUTPUT)),
      shape: [1, network.outputChannels, ...size],
    };
  } finally {
    executable.release();
  }
}

/** Converts `[z, y, x, channel]` to `[channel, z, y, x]`. */
function inChannels(values: Float32Array, channels: number): Float32Array {
  const pixels = values.length / channels;
  return Float32Array.from(
    values,
    (_, at) => values[(at % pixels) * channels + Math.floor(at / pixels)] ?? 0,
  );
}

/** Returns values as a NumPy file. */
function npy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat([npyHeader("<f4", shape), bytes]);
}

/** Returns the weights as a file that PyTorch's `load_state_dict` takes. */
async function stateDict(parameters: Parameters): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "biapy-zoo-"));
  try {
    const path = join(folder, FILES.torch);
    const tensors = parameters.specs.map(
      ({ name, shape }) => [name, CheckpointTensor.of(parameters.read(name), shape)] as const,
    );
    await writeCheckpoint(path, new OrderedDict(tensors));
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
