/** Checkpoints of every architecture work in both directions: BiaPy predicts the same from ours, and the embedded engine from BiaPy's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { readNpy, writeNpy } from "../../src/checkpoint/npy.ts";
import { ndimOf } from "../../src/config/basics.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import type { TokenMask } from "../../src/data/token-mask.ts";
import type { Dimensions, EmbeddedArchitecture } from "../../src/facts/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import type { Executable } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { loadWeights } from "../../src/workflow/run-checkpoint.ts";
import { networkOf, saveWeights } from "../support/network-of.ts";
import { smallModel } from "../support/small-networks.ts";
import { configuration } from "./engine-run.ts";
import { python, skip } from "./python.ts";

interface Case {
  readonly ndim: Dimensions;
  readonly patch: string;
  /** Keys of MODEL. */
  readonly model: string;
}

type Changes = Readonly<Record<string, string>>;

const flat = (architecture: EmbeddedArchitecture, changes?: Changes, patch = "(32,32,1)"): Case => ({
  ndim: "2D",
  patch,
  model: smallModel(architecture, "2D", changes),
});
const deep = (architecture: EmbeddedArchitecture, changes?: Changes, patch = "(16,16,16,1)"): Case => ({
  ndim: "3D",
  patch,
  model: smallModel(architecture, "3D", changes),
});

const unetr = (features: number, layers: number, heads: number) => ({
  VIT_TOKEN_SIZE: "16",
  VIT_EMBED_DIM: String(features),
  VIT_NUM_LAYERS: String(layers),
  VIT_NUM_HEADS: String(heads),
  UNETR_VIT_NUM_FILTERS: "8",
});
const BLOCKS = { CONV_LAYERS: "[1, 2, 1]" };

/** Without MAE_DEC_*, which BiaPy ignores: its decoder always has the default size. */
const mae = (more = ""): Case => ({
  ndim: "2D",
  patch: "(32,32,1)",
  model: `ARCHITECTURE: mae, VIT_EMBED_DIM: 48, VIT_NUM_LAYERS: 2, VIT_NUM_HEADS: 3, VIT_TOKEN_SIZE: 8, MAE_MASK_TYPE: grid${more}`,
});

/** Each that both have in 2D, and those that BiaPy has in 3D in different kinds. ViT's heads differ: see docs/architecture.md. */
const CASES: Readonly<Record<string, Case>> = {
  MAE: mae(),
  "MAE with a fraction of features": mae(", VIT_MLP_RATIO: 2.7, VIT_NORM_EPS: 1.E-3"),
  EDSR: flat("edsr"),
  RCAN: flat("rcan", { RCAN_RG_BLOCK_NUM: "2" }),
  WDSR: flat("wdsr"),
  DFCAN: flat("dfcan"),
  "U-Net": flat("unet"),
  "Residual U-Net": flat("resunet"),
  "Attention U-Net": flat("attention_unet"),
  SEUNet: flat("seunet"),
  MultiResUNet: flat("multiresunet", {}, "(64,64,1)"),
  "ResUNet++": flat("resunet++"),
  "UNETR-Mini": flat("unetr", unetr(48, 4, 3)),
  "UNETR-Small": flat("unetr", unetr(96, 6, 6)),
  "UNETR-Base": flat("unetr", unetr(192, 12, 12)),
  "ResUNet SE": flat("resunet_se"),
  "U-NeXt V1": flat("unext_v1", BLOCKS),
  "U-NeXt V2": flat("unext_v2", { ...BLOCKS, CONVNEXT_STEM_K_SIZE: "2" }),
  HRNet: flat("hrnet", {}, "(48,48,1)"),
  "HRNet W18": flat("hrnet", { HRNET: "{VARIANT: W18}" }, "(64,64,1)"),
  "STU-Net": flat("stunet"),
  "U-NeXt V2 in 3D": deep("unext_v2", BLOCKS),
  "HRNet in 3D": deep("hrnet", {}, "(16,32,32,1)"),
  "STU-Net in 3D": deep("stunet"),
  "U-Net in 3D": deep("unet"),
  "Residual U-Net in 3D": deep("resunet"),
  "UNETR in 3D": deep("unetr", unetr(48, 4, 3)),
  "RCAN in 3D": deep("rcan", { RCAN_RCAB_BLOCK_NUM: "1" }),
};

/** A network of ours with random weights, ready to predict one image. */
class Network {
  readonly folder: string;
  readonly config: Config;
  readonly configFile: string;
  private readonly parameters: Parameters;
  private readonly executable: Executable;
  private readonly build: BuildArguments;
  private readonly mask: TokenMask | undefined;

  constructor(parent: string, name: string, { ndim, patch, model }: Case) {
    this.folder = join(parent, name.replaceAll(/\W+/g, "_"));
    mkdirSync(this.folder);
    this.configFile = join(this.folder, "job.yaml");
    const task = model.startsWith("ARCHITECTURE: mae") ? "masking" : "crappify";
    // BiaPy writes degraded copies beside images, so these are copies themselves.
    const images = join(this.folder, "images");
    cpSync(join(import.meta.dirname, "../../media/samples", ndim.toLowerCase(), "test"), images, {
      recursive: true,
    });
    const data = { train: images, test: images };
    writeFileSync(this.configFile, configuration({ ndim, task, ...data, model, patch }));
    this.config = loadConfig(this.configFile).config;
    const { program, build, mask } = networkOf(this.config);
    [this.build, this.mask] = [build, mask];
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

  async predict(): Promise<Float32Array> {
    for (const [name, values] of Object.entries(this.mask ?? {})) this.executable.inputs[name]?.set(values);
    await this.executable.run(0);
    return Float32Array.from(this.executable.outputs.prediction);
  }

  /** Writes the checkpoint and image that BiaPy reads. Returns their paths. */
  async write() {
    const checkpoint = join(this.folder, "ours.pth");
    await saveWeights(checkpoint, this.config, this.build, this.parameters);
    const image = join(this.folder, "image.npy");
    await writeNpy(image, { shape: this.shape, data: this.image });
    return { folder: this.folder, config: this.configFile, checkpoint, image };
  }

  /** Loads all weights of a checkpoint. */
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
  const written = [];
  for (const network of networks.values()) written.push(await network.write());
  const { stdout, stderr, status } = spawnSync(
    python,
    [join(import.meta.dirname, "architectures-judge.py")],
    {
      input: JSON.stringify(written),
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
