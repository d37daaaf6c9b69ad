/** A masked autoencoder so small that an epoch takes a fraction of a second, run in this process. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import type { EpochEvent, NewRunEvent } from "../../src/facts/run-events.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { runWorkflow } from "../../src/workflow/run.ts";

/** Writes images of 32x32 pixels with a pattern that can be learned; `value` decides a pixel instead. */
export async function writeImages(
  folder: string,
  count: number,
  value?: (image: number, at: number) => number,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (let image = 0; image < count; image++) {
    const pixel = (at: number) =>
      100 + 50 * Math.sin((at % 32) / 3 + image) + 30 * Math.cos(Math.floor(at / 32) / 5);
    const data = Float32Array.from({ length: 32 * 32 }, (_, at) => value?.(image, at) ?? pixel(at));
    await writeTiff(join(folder, `image-${image}.tif`), {
      shape: [1, 32, 32, 1],
      sampleType: "float32",
      data,
    });
  }
  return folder;
}

export interface TinySettings {
  readonly epochs: number;
  readonly batch?: number;
  /** More keys, such as `TRAIN: {PATIENCE: 2}`, one group a line. */
  readonly train?: string;
  readonly model?: string;
  readonly test?: boolean;
  readonly validation?: boolean;
}

export function tinyConfig(images: string, settings: TinySettings): string {
  const { epochs, batch = 2, train = "", model = "", test = false, validation = true } = settings;
  const path = JSON.stringify(images);
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (16,16,1)
  TRAIN: {PATH: ${path}}
  VAL: ${validation ? "{SPLIT_TRAIN: 0.25}" : `{FROM_TRAIN: False, PATH: ${path}}`}
  TEST: {PATH: ${path}}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 12, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 2,
  MAE_DEC_HIDDEN_SIZE: 8, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2${model === "" ? "" : `, ${model}`}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-2, BATCH_SIZE: ${batch}, EPOCHS: ${epochs}${train === "" ? "" : `, ${train}`}}
TEST: {ENABLE: ${test ? "True" : "False"}}
`;
}

export interface TinyRun {
  /** Absent where the run threw. */
  readonly status?: "finished" | "stopped";
  readonly error?: unknown;
  readonly events: readonly NewRunEvent[];
  readonly epochs: readonly Omit<EpochEvent, "time">[];
  readonly messages: readonly string[];
  readonly tree: ResultTree;
}

export interface TinyOptions {
  readonly resume?: boolean;
  readonly run?: number;
  /** Asks to stop at the first event for which it is true. */
  readonly stopAt?: (event: NewRunEvent) => boolean;
  readonly normalizePixels?: boolean;
  readonly watch?: (event: NewRunEvent) => void;
}

/** A folder for results, and a function that runs configurations there. */
export function tinyWorkspace() {
  const folder = mkdtempSync(join(tmpdir(), "tiny-"));
  const run = async (text: string, options: TinyOptions = {}): Promise<TinyRun> => {
    const { config, problems } = loadConfig(join(folder, "tiny.yaml"), text);
    const errors = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
    assert.deepEqual(errors, []);
    const events: NewRunEvent[] = [];
    const stopping = new AbortController();
    const tree = resultTree(folder, "tiny", options.run ?? 1);
    const done = await runWorkflow({
      config,
      configText: text,
      tree,
      resume: options.resume ?? false,
      normalizePixels: options.normalizePixels ?? false,
      report: (event) => {
        events.push(event);
        options.watch?.(event);
        if (options.stopAt?.(event)) stopping.abort();
      },
      signal: stopping.signal,
      openRuntime: async () => openOnnxRuntime(1),
      fits: async () => true,
    }).then(
      (status) => ({ status }),
      (error: unknown) => ({ error }),
    );
    return {
      ...done,
      events,
      epochs: events.flatMap((event) => (event.event === "epoch" ? [event] : [])),
      messages: events.flatMap((event) => (event.event === "log" ? [event.message] : [])),
      tree,
    };
  };
  return { folder, run };
}
