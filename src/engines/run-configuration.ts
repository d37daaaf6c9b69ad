/**
 * The configuration for BiaPy: the user's own, or a copy beside the results with the keys that resuming or live previews need.
 * Comments, order and notation of values do not change.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { withoutTabs } from "../config/tabs.ts";
import { type Settings, withSettings } from "../config/with-settings.ts";
import { epochLoss } from "../facts/epoch-loss.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { epochCheckpoint, resultTree } from "../facts/result-tree.ts";
import type { RunOrder } from "../runs/record.ts";
import { readTrainingLog, trainingLogs } from "./biapy-files.ts";

/** A run cannot be resumed. The message says why. */
export class ResumeError extends Error {
  override readonly name = "ResumeError";
}

/** Whether a configuration sets a key itself. */
function sets(text: string, key: string): boolean {
  const document = parseDocument(withoutTabs(text), { schema: "failsafe" });
  return document.errors.length === 0 && document.hasIn(key.split("."));
}

const PREVIEWS: Settings = { "TRAIN.SAVE_TRAIN_PREDS_FREQ": "1" };

/**
 * Returns the file that BiaPy reads.
 *
 * @param previews whether this BiaPy can write a sample after every epoch (3.7 and later). It cannot for MAE, whose prediction is
 *   not an image.
 * @param others other keys to set
 */
export async function runConfiguration(
  order: RunOrder,
  previews: boolean,
  others: Settings = {},
): Promise<string> {
  const text = readFileSync(order.configFile, "utf8");
  const shows =
    previews && !sets(text, "TRAIN.SAVE_TRAIN_PREDS_FREQ") && !/ARCHITECTURE:\s*['"]?mae\b/i.test(text);
  const settings = {
    ...others,
    ...(shows ? PREVIEWS : {}),
    ...(order.resume ? await resumeSettings(order) : {}),
  };
  if (Object.keys(settings).length === 0) return order.configFile;
  const { recordFolder, name } = resultTree(order.resultDirectory, order.name, order.runId);
  const path = join(recordFolder, `${name}.yaml`);
  await writeFileAtomically(path, withSettings(text, settings));
  return path;
}

/** The newest checkpoint of a run and the number of epochs behind it. */
export interface Resumable {
  readonly checkpoint: string;
  readonly epoch: number;
}

/** Returns the checkpoint from which a run of BiaPy can resume: the latest of the best and the numbered ones. */
export function resumable(order: RunOrder): Resumable | undefined {
  const tree = resultTree(order.resultDirectory, order.name, order.runId);
  // The best epoch is the best one of a process, so the last process's log shows which it was.
  const rows =
    trainingLogs(order)
      .map(readTrainingLog)
      .findLast((log) => log.length > 0) ?? [];
  const losses = rows.map((row) => epochLoss(row) ?? Number.POSITIVE_INFINITY);
  const best = rows[losses.indexOf(Math.min(...losses))];
  const numbered = trainingLogs(order)
    .flatMap(readTrainingLog)
    .map(({ epoch }) => ({ checkpoint: epochCheckpoint(tree, epoch), epoch }));
  const all = [
    ...(best === undefined ? [] : [{ checkpoint: tree.bestCheckpoint, epoch: best.epoch }]),
    ...numbered,
  ].filter(({ checkpoint }) => existsSync(checkpoint));
  return all.reduce<Resumable | undefined>(
    (latest, each) => (latest === undefined || each.epoch >= latest.epoch ? each : latest),
    undefined,
  );
}

/**
 * Returns the keys that make BiaPy resume. It restores the weights and the epoch's number, but not the optimizer. It reads that
 * number only from numbered checkpoints, so the best one is copied to a numbered one.
 */
async function resumeSettings(order: RunOrder): Promise<Settings> {
  const found = resumable(order);
  const tree = resultTree(order.resultDirectory, order.name, order.runId);
  if (found === undefined)
    throw new ResumeError(
      `Run ${tree.runId} of ${tree.name} cannot be resumed: there is no checkpoint of it in ${tree.checkpoints}. It was deleted, or the run ended before its first epoch did. Run it again instead.`,
    );
  const { loadConfig } = await import("../config/config.ts");
  const { config } = loadConfig(order.configFile);
  const epochs = config.number("TRAIN.EPOCHS");
  const checkpoint =
    found.checkpoint === tree.bestCheckpoint
      ? await numberedCheckpoint(found, epochCheckpoint(tree, found.epoch))
      : found.checkpoint;
  return {
    "MODEL.LOAD_CHECKPOINT": "True",
    // With "model_arch", BiaPy 3.7.1 takes this list from the checkpoint, where "epoch" is missing.
    "MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT": ["weights", "norm", "epoch"],
    "PATHS.CHECKPOINT_FILE": checkpoint,
    // All epochs are done; only the test is left.
    ...(found.epoch >= epochs ? { "TRAIN.ENABLE": "False" } : {}),
  };
}

async function numberedCheckpoint({ checkpoint, epoch }: Resumable, path: string): Promise<string> {
  const { copyWithEpoch } = await import("../checkpoint/biapy-checkpoint.ts");
  await copyWithEpoch(checkpoint, path, epoch);
  return path;
}
