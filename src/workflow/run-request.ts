/** A request to run a configuration. */

import type { Config } from "../config/config.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { Runtime } from "../runtime/executable.ts";
import type { TrainingSettings } from "../runtime/optimizer-settings.ts";
import type { Precision } from "../runtime/precision.ts";
import type { Work } from "./device-trial.ts";
import type { DurableRun } from "./durable-run.ts";
import type { ImageFingerprints } from "./run-checkpoint.ts";
import type { RunImages } from "./run-images.ts";
import type { SideResults } from "./side-results.ts";
import type { TrainingCharts } from "./training-charts.ts";

/** What a run is to do, and how it reports. */
export interface RunRequest {
  readonly config: Config;
  /** The configuration file's text, copied into the results. */
  readonly configText: string;
  readonly tree: ResultTree;
  /** Whether the run resumes from its last checkpoint. */
  readonly resume: boolean;
  /** Whether target pixels are normalized per token (He et al. 2022, section 4). */
  readonly normalizePixels: boolean;
  /** Defaults to `single`; a resumed run keeps its own. */
  readonly precision?: Precision;
  /** Number of patches computed at a time; the gradients of a batch are added up. Defaults to the whole batch. */
  readonly partSize?: number;
  readonly openRuntime: (work: Work) => Promise<Runtime>;
  readonly report: ReportEvent;
  readonly signal: AbortSignal;
  /** Whether a training step with another batch size fits on the same device, tried in a separate process. */
  readonly fits: (batchSize: number) => Promise<boolean>;
}

/** A request with its device and its images. */
export interface RunningRequest extends RunRequest {
  readonly runtime: Runtime;
  readonly training: TrainingSettings;
  readonly run: DurableRun;
  readonly images: RunImages;
  readonly fingerprints: ImageFingerprints;
  readonly sideResults: SideResults;
  readonly charts: TrainingCharts;
}
