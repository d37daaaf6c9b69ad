/**
 * Run events: the output of a training process with `--events`, one JSON object per line (JSON Lines).
 *
 * Types are inferred from schemas, and every reader validates events with {@link parseRunEvent}: others may have written to the folder
 * of `events.jsonl`.
 */

import * as v from "valibot";
import { isObject } from "./json.ts";

const number = v.custom<number>(Number.isFinite, "it is not a finite number");
/** A whole number that counts something, from 0. */
const count = v.custom<number>((value) => isWhole(value) && value >= 0, "it is not a whole number from 0");
/** A whole number that counts from 1. */
const position = v.custom<number>((value) => isWhole(value) && value >= 1, "it is not a whole number from 1");

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/**
 * Values by metric name as BiaPy logs them: `loss`, `mae`, `mse`, `ssim`, `psnr`. A null means absent, because JSON has no NaN. A custom
 * schema does not copy the record, unlike `v.record`: most of a history is metrics.
 */
const metrics = v.pipe(
  v.custom<Readonly<Record<string, number | null>>>(areMetrics, "it does not hold metrics"),
  v.transform(withoutNulls),
);

function areMetrics(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((each) => each === null || Number.isFinite(each));
}

function withoutNulls(values: Readonly<Record<string, number | null>>): Readonly<Record<string, number>> {
  return isComplete(values)
    ? values
    : Object.fromEntries(
        Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null),
      );
}

function isComplete(
  values: Readonly<Record<string, number | null>>,
): values is Readonly<Record<string, number>> {
  for (const name in values) if (values[name] === null) return false;
  return true;
}

export type Metrics = v.InferOutput<typeof metrics>;

/** Result files of one image, absolute paths, by role. */
const imageFiles = v.pipe(
  v.object({
    original: v.optional(v.string()),
    masked: v.optional(v.string()),
    reconstruction: v.optional(v.string()),
    reconstructionAndVisible: v.optional(v.string()),
    /** The class of each pixel, of a segmentation. */
    prediction: v.optional(v.string()),
    /** The probability of the foreground, or of each class in a separate channel, of a segmentation. */
    probabilities: v.optional(v.string()),
    /** The encoder's features in colors: their first three principal components. */
    features: v.optional(v.string()),
    /**
     * What the prediction should be: the user's own file. Of a segmentation into two classes, every value above 0 is the
     * foreground; of a denoised image, the clean image.
     */
    groundTruth: v.optional(v.string()),
  }),
  v.readonly(),
);
export type ImageFiles = v.InferOutput<typeof imageFiles>;

/** One problem of the input: where it is and what to do about it. */
const problem = v.pipe(
  v.object({
    severity: v.picklist(["error", "warning"]),
    /** Dotted configuration key, such as `DATA.PATCH_SIZE`; absent when the problem is not about a key. */
    key: v.optional(v.string()),
    file: v.optional(v.string()),
    /** 1-based. */
    line: v.optional(position),
    /** 1-based. */
    column: v.optional(position),
    /** What is wrong and what to do, in one or two sentences. */
    message: v.string(),
    /** Text that replaces the key or value, if one is known, such as the nearest correct spelling. */
    suggestion: v.optional(v.string()),
    /** A size of parts of the batch (`--part_size`) that solves the problem. */
    partSize: v.optional(position),
    /** Whether only the embedded engine refuses this, and BiaPy itself accepts it. */
    ofEmbeddedEngine: v.optional(v.boolean()),
  }),
  v.readonly(),
);
export type Problem = v.InferOutput<typeof problem>;

/** Milliseconds since the epoch. */
const time = number;

const startEvent = v.pipe(
  v.object({
    event: v.literal("start"),
    time,
    name: v.string(),
    runId: count,
    pid: count,
    /** `<result_dir>/<name>`. */
    jobDirectory: v.string(),
    /** `<result_dir>/<name>/results/<name>_<runId>`. */
    runDirectory: v.string(),
    configFile: v.string(),
    /** `embedded`, `biapy`, … */
    engine: v.string(),
    /** `CPU (2 threads)`, `NVIDIA H200`, … */
    device: v.string(),
    architecture: v.string(),
    parameters: count,
    epochs: count,
    stepsPerEpoch: count,
    /** First epoch of this process, 1-based; above 1 after `--resume`. */
    firstEpoch: count,
  }),
  v.readonly(),
);
export type StartEvent = v.InferOutput<typeof startEvent>;

/** Any work of more than two seconds besides epochs: reading images, compiling the step, predicting. */
const progressEvent = v.pipe(
  v.object({
    event: v.literal("progress"),
    time,
    label: v.string(),
    done: number,
    total: number,
    secondsLeft: v.optional(number),
  }),
  v.readonly(),
);
export type ProgressEvent = v.InferOutput<typeof progressEvent>;

const stepEvent = v.pipe(
  v.object({
    event: v.literal("step"),
    time,
    /** 1-based. */
    epoch: count,
    /** 1-based within the epoch. */
    step: count,
    steps: count,
    metrics,
    learningRate: number,
    stepSeconds: number,
    secondsLeft: number,
  }),
  v.readonly(),
);
export type StepEvent = v.InferOutput<typeof stepEvent>;

const epochEvent = v.pipe(
  v.object({
    event: v.literal("epoch"),
    time,
    /** 1-based. */
    epoch: count,
    epochs: count,
    train: metrics,
    validation: v.optional(metrics),
    learningRate: number,
    seconds: number,
    /** Of `seconds`, those of the validation. */
    validationSeconds: v.optional(number),
    secondsLeft: number,
    /** Resident memory of the trainer, in bytes. */
    memoryBytes: number,
    /** Whether this epoch has the lowest validation loss so far. */
    best: v.boolean(),
  }),
  v.readonly(),
);
export type EpochEvent = v.InferOutput<typeof epochEvent>;

/**
 * Image files were written or replaced. Those of kinds `mae-check` and `features`, and of kind `segmentation` with an epoch, come again
 * after epochs. A segmentation has the files `original`, `prediction` (labels) and, if it is known, `groundTruth`.
 */
const imageEvent = v.pipe(
  v.object({
    event: v.literal("image"),
    time,
    kind: v.picklist(["mae-check", "prediction", "features", "segmentation", "augmentation"]),
    /** File name of the source image. */
    image: v.string(),
    files: imageFiles,
    epoch: v.optional(count),
  }),
  v.readonly(),
);
export type ImageEvent = v.InferOutput<typeof imageEvent>;

const checkpointEvent = v.pipe(
  v.object({
    event: v.literal("checkpoint"),
    time,
    path: v.string(),
    kind: v.picklist(["best", "last", "periodic"]),
    epoch: count,
  }),
  v.readonly(),
);

/** Test metrics of one image, or the average over all test images when `image` is absent. */
const testEvent = v.pipe(
  v.object({
    event: v.literal("test"),
    time,
    image: v.optional(v.string()),
    metrics,
    /** Seconds in which the network ran. */
    predictionSeconds: v.optional(number),
  }),
  v.readonly(),
);
export type TestEvent = v.InferOutput<typeof testEvent>;

const logEvent = v.pipe(
  v.object({
    event: v.literal("log"),
    time,
    level: v.picklist(["info", "warning", "error"]),
    message: v.string(),
    /** A size of parts of the batch (`--part_size`) that solves the problem. */
    partSize: v.optional(position),
  }),
  v.readonly(),
);

/** All problems of the input at once. The process ends with exit code 2. */
const problemsEvent = v.pipe(
  v.object({ event: v.literal("problems"), time, problems: v.pipe(v.array(problem), v.readonly()) }),
  v.readonly(),
);

const endEvent = v.pipe(
  v.object({
    event: v.literal("end"),
    time,
    status: v.picklist(["finished", "stopped", "failed"]),
    runDirectory: v.string(),
    /** The best checkpoint, if there is one. */
    checkpoint: v.optional(v.string()),
    /** Arguments that continue a stopped run. */
    resume: v.optional(v.pipe(v.array(v.string()), v.readonly())),
    /** Why the run failed. */
    message: v.optional(v.string()),
  }),
  v.readonly(),
);
export type EndEvent = v.InferOutput<typeof endEvent>;

/** Schemas by event name. A lookup is faster than trying one after another: a history has hundreds of thousands of events. */
const EVENTS = {
  start: startEvent,
  progress: progressEvent,
  step: stepEvent,
  epoch: epochEvent,
  image: imageEvent,
  checkpoint: checkpointEvent,
  test: testEvent,
  log: logEvent,
  problems: problemsEvent,
  end: endEvent,
} as const;

export type RunEvent = v.InferOutput<(typeof EVENTS)[keyof typeof EVENTS]>;

type WithoutTime<E> = E extends RunEvent ? Omit<E, "time"> : never;
/** An event before the writer adds the time. */
export type NewRunEvent = WithoutTime<RunEvent>;
export type NewEndEvent = WithoutTime<EndEvent>;
/** Takes in an event of a run. */
export type ReportEvent = (event: NewRunEvent) => void;

/** Longest line of an event with metrics, in characters: thousands of metrics would block the reader. */
const LONGEST_METRICS = 1 << 16;
const WITH_METRICS = ["step", "epoch", "test"];

const isEventName = (name: string): name is keyof typeof EVENTS => Object.hasOwn(EVENTS, name);

/** Returns the event that a line of JSON holds; undefined if it holds no valid one. Never throws. */
export function parseRunEvent(line: string): RunEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { event } = value;
  if (typeof event !== "string" || !isEventName(event)) return undefined;
  if (line.length > LONGEST_METRICS && WITH_METRICS.includes(event)) return undefined;
  const parsed = v.safeParse(EVENTS[event], value, { abortEarly: true });
  return parsed.success ? parsed.output : undefined;
}
