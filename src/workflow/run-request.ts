/** What a run is asked to do, and by what means. */
import type { Config } from "../config/config.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { ReportEvent } from "../results/reporters.ts";
import type { Runtime } from "../runtime/executable.ts";
import type { TrainingSettings } from "../runtime/optimiser-settings.ts";
import type { Precision } from "../runtime/precision.ts";
import type { Work } from "./device-choice.ts";

export interface RunRequest {
  readonly config: Config;
  /** The configuration file's text, copied into the results. */
  readonly configText: string;
  readonly tree: ResultTree;
  /** Go on where the run stopped. */
  readonly resume: boolean;
  /** Learn each token's pixels normalised by their own mean and deviation (He et al. 2022, section 4). */
  readonly normalisePixels: boolean;
  /** `single` where nothing is said; a run that goes on keeps what it began with. */
  readonly precision?: Precision;
  readonly openRuntime: (work: Work) => Promise<Runtime>;
  readonly report: ReportEvent;
  readonly signal: AbortSignal;
  /** Whether a training step with another batch size runs on the same device, tried in a process of its own. */
  readonly fits: (batchSize: number) => Promise<boolean>;
}

/** A request with what computes, and how. */
export interface RunningRequest extends RunRequest {
  readonly runtime: Runtime;
  readonly training: TrainingSettings;
}
