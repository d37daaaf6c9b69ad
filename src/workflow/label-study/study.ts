/** A label study on disk: its images, configurations and runs, and their curve. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, readFile, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import * as v from "valibot";
import { loadBiapyCheckpoint } from "../../checkpoint/biapy-checkpoint.ts";
import type { Config } from "../../config/config.ts";
import { withSettings } from "../../config/with-settings.ts";
import { createFolder } from "../../facts/files/create-folder.ts";
import { readJson } from "../../facts/files/regular-file.ts";
import { temporaryName, writeFileAtomically } from "../../facts/files/write-file.ts";
import { asObject } from "../../facts/json.ts";
import { type ResultTree, resultTree, runExists } from "../../facts/result-tree.ts";
import { readRunState } from "../../facts/run-state.ts";
import { listImages } from "../../images/files.ts";
import { ImageError } from "../../images/image.ts";
import { meanTestMetrics } from "../../results/test-metrics.ts";
import { namedLike } from "../ground-truth.ts";
import { studyChart } from "./chart.ts";
import { ContentHashes, sharedContents } from "./content-hashes.ts";
import { studyFiles } from "./files.ts";
import { type StudyResult, studyCsv, studyRows } from "./outcome.ts";
import { defaultCounts, type StudyRun, studyRuns } from "./plan.ts";

/** What a study is planned from. */
export interface StudySettings {
  readonly config: Config;
  /** The text that `config` was read from. */
  readonly text: string;
  readonly checkpoint: string;
  readonly resultDirectory: string;
  /** Name of the job that the study's runs belong to. */
  readonly name: string;
  /** Numbers of labeled images. Defaults to doubling, up to all. */
  readonly counts?: readonly number[];
  /** Trainings of each kind. */
  readonly seeds: number;
}

/** A training of the study, which is an ordinary run of its job. */
export interface PlannedRun extends StudyRun {
  /** Number of the run in its job. */
  readonly runId: number;
  readonly configFile: string;
  /** `3/12: 2 labeled, pretrained, seed 1` */
  readonly title: string;
}

/** State of a training: `waiting` for a first start, `stopped` before its end, or `finished` with its test. */
export type PlannedState = "waiting" | "stopped" | "finished";

/** Run numbers by what a run depends on. */
const planSchema = v.record(v.string(), v.pipe(v.number(), v.safeInteger(), v.minValue(1)));

/**
 * The runs of a study. A run's number identifies everything that it depends on: configuration, labeled images, test images and the
 * content of the checkpoint. After a change a run gets a new number, and numbers of the job's other runs are skipped, so an earlier result
 * is never mistaken for a new one.
 */
export class LabelStudy {
  private constructor(
    private readonly settings: StudySettings,
    readonly runs: readonly PlannedRun[],
    private readonly hashes: ContentHashes,
  ) {}

  /** Plans the runs, copies their images and writes their configurations. Throws {@link ImageError} for images without a mask. */
  static async plan(settings: StudySettings): Promise<LabelStudy> {
    const { config } = settings;
    const folder = filesOf(settings).folder;
    const images = (await listImages(config.text("DATA.TRAIN.PATH"))).map((path) => basename(path));
    const planned = studyRuns({
      images,
      counts: settings.counts ?? defaultCounts(images.length),
      seeds: settings.seeds,
      checkpoint: resolve(settings.checkpoint),
      epochs: config.number("TRAIN.EPOCHS"),
      patience: config.number("TRAIN.PATIENCE"),
    });
    const hashes = new ContentHashes();
    const checkpoint = await hashes.of(settings.checkpoint);
    const test = await testContent(config, hashes);
    const planFile = join(folder, "plan.json");
    const known = new Map(
      Object.entries((await readJson(planFile, planSchema).catch(() => undefined)) ?? {}),
    );
    const runs: PlannedRun[] = [];
    await createFolder(join(folder, "configurations"));
    for (const [index, run] of planned.entries()) {
      const text = withSettings(settings.text, {
        ...run.settings,
        ...(await labeled(settings, run, hashes)),
      });
      const key = createHash("sha256")
        .update([text, test, run.start === "pretrained" ? checkpoint : ""].join("\0"))
        .digest("hex");
      const runId = known.get(key) ?? nextRunId(settings, Math.max(0, ...known.values()));
      known.set(key, runId);
      const configFile = join(folder, "configurations", `${settings.name}_${runId}.yaml`);
      await writeFileAtomically(configFile, text);
      const title = `${index + 1}/${planned.length}: ${run.images.length} labeled, ${run.start}, seed ${run.seed}`;
      runs.push({ ...run, runId, configFile, title });
    }
    await writeFileAtomically(planFile, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`);
    return new LabelStudy(settings, runs, hashes);
  }

  /** Returns the folder of the study's chart, table, images and configurations. */
  get folder(): string {
    return filesOf(this.settings).folder;
  }

  /** Returns the state of a training. Throws `RunStateError`. */
  async stateOf(run: PlannedRun): Promise<PlannedState> {
    const tree = this.treeOf(run);
    const status = (await readRunState(tree))?.status;
    if (status === "finished" && existsSync(tree.testMetrics)) return "finished";
    return status === undefined || status === "failed" ? "waiting" : "stopped";
  }

  /** Writes the table and the chart of all runs that have finished. Returns their results. */
  async collect(): Promise<readonly StudyResult[]> {
    const results: StudyResult[] = [];
    for (const run of this.runs) {
      if ((await this.stateOf(run)) !== "finished") continue;
      const iou = await testIou(this.treeOf(run));
      const { runId, start, seed, images } = run;
      if (iou !== undefined) results.push({ runId, start, labels: images.length, seed, iou });
    }
    await writeFileAtomically(filesOf(this.settings).table, studyCsv(results));
    if (studyRows(results).length > 0)
      await writeFileAtomically(filesOf(this.settings).chart, await studyChart(results));
    return results;
  }

  /** Reports what makes the comparison unfair: test images that the checkpoint or the segmentation was trained on. */
  async warnings(): Promise<string[]> {
    const { config, checkpoint } = this.settings;
    const test = await listImages(config.text("DATA.TEST.PATH"));
    const shared = async (folder: string) =>
      sharedContents(test, await listImages(folder).catch((): string[] => []), this.hashes);
    const own = await shared(config.text("DATA.TRAIN.PATH"));
    const pretrained = await pretrainedOn(checkpoint);
    const seen = pretrained === undefined ? [] : await shared(pretrained);
    return [
      ...(own.length === 0
        ? []
        : [`Test images are among the labeled ones (DATA.TRAIN.PATH): ${own.join(", ")}.`]),
      ...(seen.length === 0
        ? []
        : [`The checkpoint was pretrained on test images (in ${pretrained}): ${seen.join(", ")}.`]),
      ...(pretrained === undefined
        ? [
            "The checkpoint does not say which images it was pretrained on: make sure that no test image is among them.",
          ]
        : []),
    ];
  }

  private treeOf({ runId }: PlannedRun): ResultTree {
    return resultTree(this.settings.resultDirectory, this.settings.name, runId);
  }
}

/** Returns the next run number after `last` that no other run of the job has. */
function nextRunId({ resultDirectory, name }: StudySettings, last: number): number {
  for (let runId = last + 1; ; runId++) {
    const tree = resultTree(resultDirectory, name, runId);
    if (!runExists(tree) && !existsSync(tree.recordFolder)) return runId;
  }
}

const filesOf = ({ resultDirectory, name }: StudySettings) => studyFiles(resultDirectory, name);

/** Returns the content hashes of test images and their masks. */
async function testContent(config: Config, contents: ContentHashes): Promise<string> {
  const paths = await Promise.all([
    listImages(config.text("DATA.TEST.PATH")),
    listImages(config.text("DATA.TEST.GT_PATH")),
  ]);
  const hashes: string[] = [];
  for (const path of paths.flat()) hashes.push(basename(path), await contents.of(path));
  return hashes.join("\0");
}

/** Copies a run's images and masks, unless they are there. Returns the keys that name the copies. */
async function labeled(
  settings: StudySettings,
  { images, seed }: StudyRun,
  hashes: ContentHashes,
): Promise<Record<string, string>> {
  const path = settings.config.text("DATA.TRAIN.PATH");
  const masks = await listImages(settings.config.text("DATA.TRAIN.GT_PATH"));
  const pairs = images.map((image) => {
    const [mask] = namedLike(masks, image);
    if (mask === undefined) throw new ImageError(image, `${image} has no mask in DATA.TRAIN.GT_PATH.`);
    return [join(path, image), mask] as const;
  });
  const hash = createHash("sha256");
  for (const file of pairs.flat()) hash.update(`${basename(file)}\0${await hashes.of(file)}\0`);
  const name = `${images.length}-labeled-seed-${seed}-${hash.digest("hex").slice(0, 8)}`;
  const folder = join(filesOf(settings).folder, "images", name);
  if (!existsSync(folder)) {
    const temporary = temporaryName(folder);
    try {
      for (const [image, mask] of pairs) {
        await cp(image, join(temporary, "images", basename(image)), { recursive: true });
        await cp(mask, join(temporary, "masks", basename(mask)), { recursive: true });
      }
      await rename(temporary, folder);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  return { "DATA.TRAIN.PATH": join(folder, "images"), "DATA.TRAIN.GT_PATH": join(folder, "masks") };
}

/** Returns the training folder that a checkpoint records. */
async function pretrainedOn(path: string): Promise<string | undefined> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    const folder = asObject(asObject(checkpoint.config?.DATA).TRAIN).PATH;
    return typeof folder === "string" && existsSync(folder) ? resolve(folder) : undefined;
  } finally {
    await checkpoint.close();
  }
}

/** Returns the mean IoU of a run's test images. Undefined if none was measured. */
async function testIou({ testMetrics }: ResultTree): Promise<number | undefined> {
  return meanTestMetrics(await readFile(testMetrics, "utf8")).iou;
}
