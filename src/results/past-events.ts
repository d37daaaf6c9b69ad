/** Reconstructs the events of a past run from its files: epochs, checkpoints, images, its end. */
import { stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { epochLoss } from "../facts/epoch-loss.ts";
import type { ImageEvent, ImageFiles, RunEvent } from "../facts/run-events.ts";
import type { RunFolder } from "./run-folders.ts";
import { readRunLog } from "./run-log.ts";

/** Roles of images by their file name's suffix. */
const ROLES: readonly (readonly [RegExp, keyof ImageFiles])[] = [
  [/_reconstruction_and_visible$/i, "reconstructionAndVisible"],
  [/_reconstruction$/i, "reconstruction"],
  [/_masked$/i, "masked"],
  [/_original$/i, "original"],
  [/_ground_truth$/i, "groundTruth"],
  [/_features$/i, "features"],
];

/** Returns the events of a run, in the order in which a run reports them. */
export async function pastEvents(run: RunFolder): Promise<RunEvent[]> {
  const { epochs } = await readRunLog(run.files.logs);
  const events: RunEvent[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const record of epochs) {
    const loss = epochLoss(record) ?? Number.POSITIVE_INFINITY;
    const best = loss < least;
    if (best) least = loss;
    const { started: time, epochs: all } = run;
    events.push({ event: "epoch", time, ...record, epochs: all, secondsLeft: 0, memoryBytes: 0, best });
  }
  for (const path of run.files.checkpoints) {
    const best = path === run.tree.bestCheckpoint;
    const unnamed = path === run.tree.lastCheckpoint ? "last" : "periodic";
    const kind = best ? "best" : unnamed;
    const epoch = best ? (run.best?.epoch ?? run.epochs) : run.epochs;
    events.push({ event: "checkpoint", time: await timeOf(path), path, kind, epoch });
  }
  const segments = run.files.segmentations.length > 0;
  for (const [image, { features, ...files }] of imagesOf(run)) {
    const told = { event: "image", time: run.changed, image, epoch: run.epochs } as const;
    const { original } = files;
    if (Object.keys(files).some((role) => role !== "original") || features === undefined)
      events.push({ ...told, kind: kindOf(files, segments), files });
    if (features !== undefined) events.push({ ...told, kind: "features", files: { original, features } });
  }
  if (run.status !== "interrupted" && run.status !== "damaged") {
    const checkpoint = run.files.checkpoints.find((path) => path === run.tree.bestCheckpoint);
    const { runDirectory } = run.tree;
    const { status, message } = run;
    events.push({ event: "end", time: run.changed, status, runDirectory, checkpoint, message });
  }
  return events;
}

/** @param segments whether the run is a segmentation */
function kindOf({ masked }: ImageFiles, segments: boolean): ImageEvent["kind"] {
  if (segments) return "segmentation";
  return masked === undefined ? "prediction" : "mae-check";
}

async function timeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** Returns the files of each image, by its file's name without the role. */
function imagesOf({ files }: RunFolder): Map<string, ImageFiles> {
  const found = new Map<string, ImageFiles>();
  const add = (image: string, role: keyof ImageFiles, path: string) =>
    found.set(image, { ...found.get(image), [role]: path });
  // Test images come last: they replace previews of the same name.
  for (const path of [...files.previews, ...files["mae-checks"]]) {
    const stem = basename(path, extname(path));
    const [ending, role] = ROLES.find(([pattern]) => pattern.test(stem)) ?? [/$/, "prediction" as const];
    add(stem.replace(ending, "") + extname(path), role, path);
  }
  const segments = files.segmentations.length > 0;
  for (const path of files.images) add(basename(path), segments ? "probabilities" : "prediction", path);
  for (const path of files.segmentations) add(basename(path), "prediction", path);
  return found;
}
