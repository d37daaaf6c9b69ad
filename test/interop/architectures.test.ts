/** Checkpoints of every architecture cross both ways: the same prediction by BiaPy from ours, and by ours from BiaPy's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  type BiapyCheckpointContent,
  loadBiapyCheckpoint,
  saveBiapyCheckpoint,
} from "../../src/checkpoint/biapy-checkpoint.ts";
import { readNpy, writeNpy } from "../../src/checkpoint/npy.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { ndimOf } from "../../src/config/basics.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { Random } from "../../src/data/random.ts";
import { tokenMask } from "../../src/data/token-mask.ts";
import { imageModel } from "../../src/models/architectures.ts";
import { maePrediction } from "../../src/models/mae.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import type { Executable } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { loadWeights } from "../../src/workflow/run-checkpoint.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "../../src/workflow/tasks/mae-settings.ts";
import { configuration, python, skip } from "./engine-run.ts";

const LEVELS = "\n  FEATURE_MAPS: [4, 8, 16]\n  DROPOUT_VALUES: [0., 0., 0.]\n  Z_DOWN: [2, 2]";
const levels = (name: string) => `  ARCHITECTURE: ${name}${LEVELS}`;
const unetr = (features: number, layers: number, heads: number) => `  ARCHITECTURE: unetr
  VIT_EMBED_DIM: ${features}
  VIT_NUM_LAYERS: ${layers}
  VIT_NUM_HEADS: ${heads}
  VIT_TOKEN_SIZE: 16
  UNETR_VIT_NUM_FILTERS: 8`;
const mae = `  ARCHITECTURE: mae
  VIT_EMBED_DIM: 48
  VIT_NUM_LAYERS: 2
  VIT_NUM_HEADS: 3
  VIT_TOKEN_SIZE: 8
  MAE_MASK_TYPE: grid`;

const unext = (version: 1 | 2, stem = 2) => `  ARCHITECTURE: unext_v${version}
  FEATURE_MAPS: [4, 8, 16]
  CONV_LAYERS: [1, 2, 1]
  Z_DOWN: [2, 2]
  CONVNEXT_STEM_K_SIZE: ${stem}`;
const HRNET = `  ARCHITECTURE: hrnet
  HRNET:
    VARIANT: custom
    NUM_STAGES: 2
    NUM_MODULES: [1, 1]
    NUM_BRANCHES: [2, 3]
    NUM_BLOCKS: [[1, 1], [1, 1, 1]]
    NUM_CHANNELS: [[8, 16], [8, 16, 32]]
    YX_DOWN: [2, 2]
    Z_DOWN: [1, 1]`;
const stunet = (axes: number) => {
  const each = (value: number) => `[${Array.from({ length: axes }, () => value)}]`;
  return `  ARCHITECTURE: stunet
  FEATURE_MAPS: [4, 8, 16]
  Z_DOWN: [2, 2]
  STUNET:
    VARIANT: custom
    DIMS: [4, 8, 8]
    DEPTH: [1, 2, 1]
    POOL_OP_KERNEL_SIZES: [${each(2)}, ${each(2)}]
    CONV_KERNEL_SIZES: [${each(3)}, ${each(3)}, ${each(3)}]`;
};

interface Case {
  readonly ndim: "2D" | "3D";
  readonly patch: string;
  readonly model: string;
}

const flat = (model: string, patch = "(32,32,1)"): Case => ({ ndim: "2D", patch, model });
const deep = (model: string, patch = "(16,16,16,1)"): Case => ({ ndim: "3D", patch, model });

/** Each that both have in 2D, and those that BiaPy has in 3D in different kinds. ViT's heads differ: see docs/architecture.md. */
const CASES: Readonly<Record<string, Case>> = {
  MAE: flat(mae),
  EDSR: flat("  ARCHITECTURE: edsr"),
  RCAN: flat("  ARCHITECTURE: rcan\n  RCAN_RG_BLOCK_NUM: 2\n  RCAN_RCAB_BLOCK_NUM: 2"),
  WDSR: flat("  ARCHITECTURE: wdsr"),
  DFCAN: flat("  ARCHITECTURE: dfcan"),
  "U-Net": flat(levels("unet")),
  "Residual U-Net": flat(levels("resunet")),
  "Attention U-Net": flat(levels("attention_unet")),
  SEUNet: flat(levels("seunet")),
  MultiResUNet: flat("  ARCHITECTURE: multiresunet", "(64,64,1)"),
  "ResUNet++": flat(levels("resunet++")),
  "UNETR-Mini": flat(unetr(48, 4, 3)),
  "UNETR-Small": flat(unetr(96, 6, 6)),
  "UNETR-Base": flat(unetr(192, 12, 12)),
  "ResUNet SE": flat(levels("resunet_se")),
  "U-NeXt V1": flat(unext(1)),
  "U-NeXt V2": flat(unext(2)),
  HRNet: flat(HRNET, "(48,48,1)"),
  "HRNet W18": flat("  ARCHITECTURE: hrnet\n  HRNET:\n    VARIANT: W18", "(64,64,1)"),
  "STU-Net": flat(stunet(2)),
  "U-NeXt V2 in 3D": deep(unext(2, 1)),
  "HRNet in 3D": deep(HRNET, "(16,32,32,1)"),
  "STU-Net in 3D": deep(stunet(3)),
  "U-Net in 3D": deep(levels("unet")),
  "Residual U-Net in 3D": deep(levels("resunet")),
  "UNETR in 3D": deep(unetr(48, 4, 3)),
  "RCAN in 3D": deep("  ARCHITECTURE: rcan\n  RCAN_RG_BLOCK_NUM: 1\n  RCAN_RCAB_BLOCK_NUM: 1"),
};

/** A network of ours with random weights, ready to predict one image. */
class Network {
  readonly folder: string;
  readonly config: Config;
  readonly configFile: string;
  private readonly parameters: Parameters;
  private readonly executable: Executable;
  private readonly build: BiapyCheckpointContent["modelBuildArguments"];

  constructor(parent: string, name: string, { ndim, patch, model }: Case) {
    this.folder = join(parent, name.replaceAll(/\W+/g, "_"));
    mkdirSync(this.folder);
    this.configFile = join(this.folder, "job.yaml");
    const task = model === mae ? "masking" : "crappify";
    // BiaPy writes worse copies beside images, so these are copies themselves.
    const images = join(this.folder, "images");
    cpSync(join(import.meta.dirname, "../../media/samples", ndim.toLowerCase(), "test"), images, {
      recursive: true,
    });
    const data = { train: images, test: images };
    writeFileSync(this.configFile, configuration({ ndim, task, ...data, model, patch }));
    this.config = loadConfig(this.configFile).config;
    const program = task === "masking" ? this.masking() : this.restoring();
    this.build =
      task === "masking"
        ? maeBuildArguments(this.config, maeSettings(this.config, false))
        : buildArguments(this.config);
    this.parameters = new Parameters(declaredWeights(program), { trainable: false, threads: 1 });
    this.parameters.initialize(1);
    this.executable = new OnnxRuntime(1).compile(program, this.parameters, { gradients: false });
    for (const [index] of this.image.entries())
      this.image[index] = Math.sin(index * 0.7) + Math.cos(index * 0.013);
  }

  private get shape(): number[] {
    return [1, ...this.config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(this.config) + 1)];
  }

  private get image(): Float32Array {
    return this.executable.inputs.images as Float32Array;
  }

  private restoring(): Program {
    const network = imageModel(
      this.config.text("MODEL.ARCHITECTURE").toLowerCase(),
      buildArguments(this.config),
    );
    return {
      training: false,
      inputs: { images: { shape: this.shape, type: "float32" } },
      forward: (scope, { images }) => ({ prediction: network(scope, images) }),
    };
  }

  private masking(): Program {
    const settings = maeSettings(this.config, false);
    const drawn = tokenMask(maskSettings(this.config, settings), new Random(0));
    const fed = {
      keep: { shape: [1, drawn.keep.length], type: "int32" },
      restore: { shape: [1, drawn.restore.length], type: "int32" },
      mask: { shape: [1, drawn.mask.length], type: "float32" },
    } as const;
    this.mask = drawn;
    return {
      training: false,
      inputs: { images: { shape: this.shape, type: "float32" }, ...fed },
      forward: (scope, { images, keep, restore, mask }) => ({
        prediction: maePrediction(scope, settings, images, { keep, restore, mask }),
      }),
    };
  }

  private mask: ReturnType<typeof tokenMask> | undefined;

  async predict(): Promise<Float32Array> {
    for (const [name, values] of Object.entries(this.mask ?? {})) this.executable.inputs[name]?.set(values);
    await this.executable.run(0);
    return Float32Array.from(this.executable.outputs.prediction);
  }

  /** Writes checkpoint and image for the judge. */
  async hand() {
    const checkpoint = join(this.folder, "ours.pth");
    const { specs } = this.parameters;
    await saveBiapyCheckpoint(checkpoint, {
      weights: new Map(
        specs.map(({ name, shape }) => [name, CheckpointTensor.of(this.parameters.read(name), shape)]),
      ),
      modelBuildArguments: this.build,
      epoch: "best",
      config: this.config.toObject(),
    });
    const image = join(this.folder, "image.npy");
    await writeNpy(image, { shape: this.shape, data: this.image });
    return { folder: this.folder, config: this.configFile, checkpoint, image };
  }

  /** Takes over all weights of a checkpoint. */
  async load(checkpoint: string): Promise<void> {
    const opened = await loadBiapyCheckpoint(checkpoint);
    const { skipped, missing } = await loadWeights(opened, this.parameters);
    await opened.close();
    assert.deepEqual(skipped, []);
    assert.deepEqual(missing, []);
  }

  async close(): Promise<void> {
    this.executable.release();
    await this.parameters.close();
  }
}

/** The largest difference, relative to the largest value. */
function difference(one: Float32Array, other: ArrayLike<number | bigint>): number {
  assert.equal(one.length, other.length);
  let [apart, size] = [0, 0];
  for (const [index, value] of one.entries()) {
    apart = Math.max(apart, Math.abs(value - Number(other[index])));
    size = Math.max(size, Math.abs(value));
  }
  return apart / size;
}

const crossed = new Map<string, { readonly toBiapy: number; readonly fromBiapy: number }>();

before(async () => {
  if (skip) return;
  const parent = mkdtempSync(join(tmpdir(), "architectures-"));
  const networks = new Map(
    Object.entries(CASES).map(([name, each]) => [name, new Network(parent, name, each)]),
  );
  const handed = [];
  for (const network of networks.values()) handed.push(await network.hand());
  const { stdout, stderr, status } = spawnSync(
    python,
    [join(import.meta.dirname, "architectures-judge.py")],
    {
      input: JSON.stringify(handed),
      encoding: "utf8",
      maxBuffer: 1e8,
    },
  );
  assert.equal(status, 0, stderr.slice(-3000));
  const saved: string[] = JSON.parse(stdout);
  for (const [index, [name, network]] of [...networks].entries()) {
    const outputs = (file: string) => readNpy(join(network.folder, file));
    const toBiapy = difference(await network.predict(), (await outputs("loaded.npy")).data);
    await network.load(saved[index]);
    const fromBiapy = difference(await network.predict(), (await outputs("own.npy")).data);
    crossed.set(name, { toBiapy, fromBiapy });
    await network.close();
  }
  rmSync(parent, { recursive: true });
});

for (const name of Object.keys(CASES)) {
  test(`${name}: BiaPy predicts the same from our checkpoint, and ours from BiaPy's`, { skip }, (context) => {
    const found = crossed.get(name);
    context.diagnostic(
      `to BiaPy ${found?.toBiapy.toExponential(1)}, from BiaPy ${found?.fromBiapy.toExponential(1)}`,
    );
    assert.ok(found !== undefined && found.toBiapy < 1e-4, `to BiaPy: ${found?.toBiapy}`);
    assert.ok(found.fromBiapy < 1e-4, `from BiaPy: ${found.fromBiapy}`);
  });
}
