/**
 * What a training process tells its parent, one JSON object a line (JSON Lines) with `--events`.
 * The extension, the panel and the tests depend on these types and on nothing else of the trainer.
 */

/** Values by metric name as BiaPy logs them: `loss`, `mae`, `mse`, `ssim`, `psnr`. */
export type Metrics = Readonly<Record<string, number>>;

/** Result files of one image, absolute paths, by role. */
export interface ImageFiles {
  readonly original?: string;
  readonly masked?: string;
  readonly reconstruction?: string;
  readonly reconstructionAndVisible?: string;
  readonly prediction?: string;
  /** The labels that an image has, to compare a segmentation with. */
  readonly groundTruth?: string;
}

/** One thing that is wrong with the input, where it is, and what to do. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** Dotted configuration key, such as `DATA.PATCH_SIZE`; absent when the problem is not about a key. */
  readonly key?: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  /** What is wrong and what to do, in one or two sentences. */
  readonly message: string;
  /** The text to put in place of the key or value, when one is known (the nearest right spelling, say). */
  readonly suggestion?: string;
}

interface EventBase {
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface StartEvent extends EventBase {
  readonly event: "start";
  readonly name: string;
  readonly runId: number;
  readonly pid: number;
  /** `<result_dir>/<name>`. */
  readonly jobDirectory: string;
  /** `<result_dir>/<name>/results/<name>_<runId>`. */
  readonly runDirectory: string;
  readonly configFile: string;
  /** `embedded`, `biapy`, … */
  readonly engine: string;
  /** `CPU (2 threads)`, `NVIDIA H200`, … */
  readonly device: string;
  readonly architecture: string;
  readonly parameters: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** First epoch of this process, 1-based; above 1 after `--resume`. */
  readonly firstEpoch: number;
}

/** Anything over two seconds that is not an epoch: reading images, compiling the step, predicting. */
export interface ProgressEvent extends EventBase {
  readonly event: "progress";
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly secondsLeft?: number;
}

export interface StepEvent extends EventBase {
  readonly event: "step";
  /** 1-based. */
  readonly epoch: number;
  /** 1-based within the epoch. */
  readonly step: number;
  readonly steps: number;
  readonly metrics: Metrics;
  readonly learningRate: number;
  readonly stepSeconds: number;
  readonly secondsLeft: number;
}

export interface EpochEvent extends EventBase {
  readonly event: "epoch";
  /** 1-based. */
  readonly epoch: number;
  readonly epochs: number;
  readonly train: Metrics;
  readonly validation?: Metrics;
  readonly learningRate: number;
  readonly seconds: number;
  readonly secondsLeft: number;
  /** Resident memory of the trainer, in bytes. */
  readonly memoryBytes: number;
  /** The best validation loss so far. */
  readonly best: boolean;
}

/**
 * Image files were written or replaced. Those of kind `mae-check`, and of kind `segmentation` with an epoch, come again after
 * every epoch. A segmentation has the files `original`, `prediction` (labels) and, if it is known, `groundTruth`.
 */
export interface ImageEvent extends EventBase {
  readonly event: "image";
  readonly kind: "mae-check" | "prediction" | "segmentation" | "augmentation";
  /** File name of the source image. */
  readonly image: string;
  readonly files: ImageFiles;
  readonly epoch?: number;
}

export interface CheckpointEvent extends EventBase {
  readonly event: "checkpoint";
  readonly path: string;
  readonly kind: "best" | "last" | "periodic";
  readonly epoch: number;
}

/** Test metrics of one image, or of all of them averaged when `image` is absent. */
export interface TestEvent extends EventBase {
  readonly event: "test";
  readonly image?: string;
  readonly metrics: Metrics;
}

export interface LogEvent extends EventBase {
  readonly event: "log";
  readonly level: "info" | "warning" | "error";
  readonly message: string;
}

/** Everything that is wrong with the input, at once. The process ends with exit code 2. */
export interface ProblemsEvent extends EventBase {
  readonly event: "problems";
  readonly problems: readonly Problem[];
}

export interface EndEvent extends EventBase {
  readonly event: "end";
  readonly status: "finished" | "stopped" | "failed";
  readonly runDirectory: string;
  /** The best checkpoint, where there is one. */
  readonly checkpoint?: string;
  /** Arguments that continue a stopped run. */
  readonly resume?: readonly string[];
  /** What went wrong, in words, when `failed`. */
  readonly message?: string;
}

export type RunEvent =
  | StartEvent
  | ProgressEvent
  | StepEvent
  | EpochEvent
  | ImageEvent
  | CheckpointEvent
  | TestEvent
  | LogEvent
  | ProblemsEvent
  | EndEvent;

type WithoutTime<E> = E extends RunEvent ? Omit<E, "time"> : never;
/** An event as it is raised; the writer adds the time. */
export type NewRunEvent = WithoutTime<RunEvent>;
