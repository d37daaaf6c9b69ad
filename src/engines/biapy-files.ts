/** What BiaPy 3.7.1 writes while it runs, read as it grows. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join, parse } from "node:path";
import Papa from "papaparse";
import { epochCheckpoint, type ResultTree, resultTree } from "../facts/result-tree.ts";
import type { ImageFiles, Metrics } from "../facts/run-events.ts";
import { biapyEpoch, type LoggedEpoch } from "../results/biapy-log.ts";
import { readScalars, type Scalar } from "../results/tensorboard.ts";
import { rowsIn } from "../results/train-log.ts";
import type { RunPlace } from "../runs/record.ts";
import { namedMetrics } from "./biapy-console.ts";

function names(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

/** The epochs of a training log. */
export function readTrainingLog(path: string): LoggedEpoch[] {
  return rowsIn(readFileSync(path, "utf8")).map(biapyEpoch);
}

/** The training logs of a run, oldest first: one for each time that it was started. */
export function trainingLogs({ resultDirectory, name, runId }: RunPlace): string[] {
  const folder = join(resultTree(resultDirectory, name, runId).jobDirectory, "logs");
  return names(folder)
    .filter((file) => file.startsWith(`${name}_${runId}_log_`) && file.endsWith("_training_log.json"))
    .map((file) => join(folder, file));
}

/** The files of a run that is under way; what lay there before it began is another's. */
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

  /** An epoch's row of the training log, once it is written. */
  epoch(epoch: number): LoggedEpoch | undefined {
    const log = trainingLogs(this.place).findLast((path) => !this.earlier.has(path));
    return log === undefined ? undefined : readTrainingLog(log).findLast((row) => row.epoch === epoch);
  }

  /** Scalars that have come into the TensorBoard file since the last call; BiaPy writes them out after every epoch. */
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

  /** A checkpoint of the end of an epoch, where the configuration asks for them (MODEL.SAVE_CKPT_FREQ). */
  periodicCheckpoint(epoch: number): string | undefined {
    return this.fresh(epochCheckpoint(this.tree, epoch));
  }

  /** What became of a test image. The folders are those of the images, and of their worse copies (crappify). */
  testImage(image: string, folder: string | undefined, worseFolder: string | undefined): ImageFiles {
    const stem = join(this.tree.perImage, parse(image).name);
    const within = (parent: string | undefined) =>
      parent !== undefined && existsSync(join(parent, image)) ? join(parent, image) : undefined;
    const prediction = this.fresh(`${stem}.tif`);
    return defined({
      original: within(folder),
      masked: this.fresh(`${stem}_masked.tif`) ?? within(worseFolder),
      reconstruction: prediction,
      reconstructionAndVisible: this.fresh(`${stem}_reconstruction_and_visible.tif`),
      prediction,
    });
  }

  /** The metrics of each test image, where BiaPy knows what it should look like. */
  testMetrics(): { image: string; metrics: Metrics }[] {
    const path = this.fresh(join(this.tree.runDirectory, "test_results_metrics.csv"));
    if (path === undefined) return [];
    const { data } = Papa.parse<Record<string, string>>(readFileSync(path, "utf8"), {
      header: true,
      skipEmptyLines: true,
    });
    return data.map(({ file, ...values }) => {
      const written = Object.entries(values).filter(([, value]) => value !== "");
      return { image: file, metrics: namedMetrics(written.map(([name, value]) => [name, Number(value)])) };
    });
  }

  /** What the samples that BiaPy follows (TRAIN.SAVE_TRAIN_PREDS_FREQ) look like after an epoch. */
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

  /** A file that this run wrote. File systems keep times to two seconds at worst. */
  private fresh(path: string): string | undefined {
    return existsSync(path) && statSync(path).mtimeMs >= this.began - 2000 ? path : undefined;
  }
}

function defined(files: ImageFiles): ImageFiles {
  return Object.fromEntries(Object.entries(files).filter(([, path]) => path !== undefined));
}
