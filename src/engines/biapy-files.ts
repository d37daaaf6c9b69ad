/** Reads the files that BiaPy 3.7.1 writes, while it writes them. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join, parse } from "node:path";
import { epochCheckpoint, type ResultTree, resultTree } from "../facts/result-tree.ts";
import type { ImageFiles, Metrics } from "../facts/run-events.ts";
import { biapyEpoch, type LoggedEpoch } from "../results/biapy-log.ts";
import { readRowsSync } from "../results/log-rows.ts";
import { readScalars, type Scalar } from "../results/tensorboard.ts";
import { testMetricsIn } from "../results/test-metrics.ts";
import type { RunPlace } from "../runs/record.ts";

/** The names in a folder, sorted; none if it cannot be read. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Returns the epochs of a training log. */
export function readTrainingLog(path: string): LoggedEpoch[] {
  return readRowsSync(path).map(biapyEpoch);
}

/** Returns the training logs of a run, oldest first: one per start. */
export function trainingLogs({ resultDirectory, name, runId }: RunPlace): string[] {
  const folder = join(resultTree(resultDirectory, name, runId).jobDirectory, "logs");
  return names(folder)
    .filter((file) => file.startsWith(`${name}_${runId}_log_`) && file.endsWith("_training_log.json"))
    .map((file) => join(folder, file));
}

/** The files of an active run. Files from before its start are ignored. */
export class BiapyFiles {
  readonly tree: ResultTree;
  private readonly earlier: ReadonlySet<string>;
  private readonly began = Date.now();
  private position = 0;

  constructor(private readonly place: RunPlace) {
    this.tree = resultTree(place.resultDirectory, place.name, place.runId);
    this.earlier = new Set([...trainingLogs(place), ...this.eventFiles()]);
  }

  private eventFiles(): string[] {
    return names(this.tree.tensorboard).map((file) => join(this.tree.tensorboard, file));
  }

  /** Returns an epoch's row of the training log, once it is written. */
  epoch(epoch: number): LoggedEpoch | undefined {
    const log = trainingLogs(this.place).findLast((path) => !this.earlier.has(path));
    return log === undefined ? undefined : readTrainingLog(log).findLast((row) => row.epoch === epoch);
  }

  /** Returns the scalars added to the TensorBoard file since the last call. BiaPy flushes them after every epoch. */
  newScalars(): Scalar[] {
    const path = this.eventFiles().findLast((file) => !this.earlier.has(file));
    if (path === undefined) return [];
    const bytes = Buffer.alloc(Math.max(statSync(path).size - this.position, 0));
    const file = openSync(path, "r");
    const length = readSync(file, bytes, 0, bytes.length, this.position);
    closeSync(file);
    const { scalars, end } = readScalars(bytes.subarray(0, length));
    this.position += end;
    return scalars;
  }

  /** Returns the checkpoint of an epoch, if the configuration asks for them (MODEL.SAVE_CKPT_FREQ). */
  periodicCheckpoint(epoch: number): string | undefined {
    return this.fresh(epochCheckpoint(this.tree, epoch));
  }

  /** Returns the result files of a test image. The folders hold the images and their degraded copies (crappify). */
  testImage(image: string, folder: string | undefined, degradedFolder: string | undefined): ImageFiles {
    const stem = join(this.tree.perImage, parse(image).name);
    const within = (parent: string | undefined) =>
      parent !== undefined && existsSync(join(parent, image)) ? join(parent, image) : undefined;
    const prediction = this.fresh(`${stem}.tif`);
    return defined({
      original: within(folder),
      masked: this.fresh(`${stem}_masked.tif`) ?? within(degradedFolder),
      reconstruction: prediction,
      reconstructionAndVisible: this.fresh(`${stem}_reconstruction_and_visible.tif`),
      prediction,
    });
  }

  /** Returns the metrics of each test image for which BiaPy has a ground truth. */
  testMetrics(): { image: string; metrics: Metrics }[] {
    const path = this.fresh(this.tree.testMetrics);
    return path === undefined ? [] : testMetricsIn(readFileSync(path, "utf8"));
  }

  /** Returns the samples that BiaPy wrote after an epoch (TRAIN.SAVE_TRAIN_PREDS_FREQ). */
  trainingSamples(epoch: number): { image: string; files: ImageFiles }[] {
    const folder = join(this.tree.runDirectory, "train_pred_samples");
    const predicted = join(folder, `pred_epoch_${String(epoch).padStart(4, "0")}`);
    return names(predicted)
      .filter((image) => this.fresh(join(predicted, image)) !== undefined)
      .map((image) => {
        const reconstruction = join(predicted, image);
        return {
          image,
          files: defined({
            original: this.fresh(join(folder, "gt", image)),
            masked: this.fresh(join(folder, "input", image)),
            reconstruction,
            prediction: reconstruction,
          }),
        };
      });
  }

  /** Returns a file if this run wrote it. Some file systems round times to two seconds. */
  private fresh(path: string): string | undefined {
    return existsSync(path) && statSync(path).mtimeMs >= this.began - 2000 ? path : undefined;
  }
}

function defined(files: ImageFiles): ImageFiles {
  return Object.fromEntries(Object.entries(files).filter(([, path]) => path !== undefined));
}
