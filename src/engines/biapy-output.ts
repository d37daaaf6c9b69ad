/**
 * Converts a run of BiaPy into run events, from its printed lines, its training log and its TensorBoard file. Lines show when
 * something happened. Numbers come from the files where possible, because lines round them.
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { BIAPY_VERSION } from "../facts/biapy-version.ts";
import { explainExit } from "../facts/explain-exit.ts";
import type { NewRunEvent, Problem } from "../facts/run-events.ts";
import type { OutputReader } from "../runs/output-reader.ts";
import type { RunOrder } from "../runs/record.ts";
import { gpuNumbers } from "./biapy-command.ts";
import { namedMetrics, PrintedConfiguration, printedText, type StepLine, stepLine } from "./biapy-console.ts";
import { BiapyFiles } from "./biapy-files.ts";

/** The headings that BiaPy prints, in order, with the stages that they announce. */
const STAGES: readonly (readonly [heading: RegExp, label: string])[] = [
  [/^#\s+PREPARE DETECTION DATA\s+#$/, "Making degraded copies"],
  [/^#\s+LOAD TRAINING DATA\s+#$/, "Reading training images"],
  [/^# Build model #$/, "Building the network"],
  [/^#\s+PREPARE TRAIN GENERATORS\s+#$/, "Preparing batches"],
  [/^#\s+TRAIN THE MODEL\s+#$/, "Starting to train"],
];

/** Lines that are worth showing. */
const TOLD =
  /^(Loading checkpoint|Model weights loaded|Epoch loaded|Optimizer info|Early ?[Ss]topping|Skipping (layer|unexpected)|Training time|Tracking )/;
const WARNED = /^(WARNING|Non-finite)|UserWarning: /;
const CHECKS = "check_configuration.py";
/** The last line of a traceback. It does not match `KeyboardInterrupt`, which is a request and not an error. */
const PYTHON_ERROR = /^(?:[\w.]+\.)?\w*(?:Error|Exception): /;

/** Reads the output of one run of BiaPy. */
export class BiapyOutput implements OutputReader {
  private readonly files: BiapyFiles;
  private readonly configuration = new PrintedConfiguration();
  private inConfiguration = false;
  private device = "CPU";
  private parameters = 0;
  private processes = 1;
  private epochs = 0;
  private epoch = 0;
  private epochStarted = 0;
  private started = false;
  private improved = false;
  private finished = false;
  /** Steps of this epoch that were reported. */
  private readonly toldSteps = new Set<number>();
  private lastStep: StepLine | undefined;
  private image: string | undefined;
  private readonly testMetrics: (readonly [string, number])[] = [];
  private failure: string[] | undefined;

  constructor(private readonly order: RunOrder) {
    this.files = new BiapyFiles(order);
  }

  line(line: string): readonly NewRunEvent[] {
    const text = printedText(line);
    if (this.inConfiguration && this.configuration.take(text)) return [];
    const said = text.replace(/^\[rank\d+\]: /, "");
    if (/^Traceback \(most recent call last\)/.test(said)) this.failure ??= [];
    this.failure?.push(said);
    return [...this.events(text)];
  }

  end(code: number | null): readonly NewRunEvent[] {
    const { runDirectory, bestCheckpoint } = this.files.tree;
    // An interrupt during shutdown, such as the end of debugging, comes too late to stop it.
    if (this.finished) {
      const checkpoint = existsSync(bestCheckpoint) ? bestCheckpoint : undefined;
      return [{ event: "end", status: "finished", runDirectory, checkpoint }];
    }
    const problem = code === 0 ? undefined : this.problem();
    return problem === undefined ? [] : [{ event: "problems", problems: [problem] }];
  }

  private *events(text: string): Generator<NewRunEvent> {
    const step = stepLine(text);
    if (step !== undefined) yield* this.step(step);
    else if (WARNED.test(text))
      yield { event: "log", level: "warning", message: text.replace(/^.*UserWarning: /, "") };
    else {
      this.learn(text);
      yield* this.moment(text);
    }
  }

  /** Takes facts from lines for later events. */
  private learn(text: string): void {
    const found = (pattern: RegExp) => pattern.exec(text)?.[1];
    if (text === "Configuration details:") this.inConfiguration = true;
    else if (/^\*~+\*$/.test(text)) this.inConfiguration = false;
    else if (/^\*{4} Using GPU/.test(text)) this.device = gpuLabel(this.order.gpu);
    else if (/^\*{4} Using 'mps'/.test(text)) this.device = "Apple GPU";
    this.learnTestMetric(text);
    this.processes = Number(found(/world_size=(\d+)$/) ?? this.processes);
    this.parameters = Number(found(/^Total params: ([\d,]+)/)?.replaceAll(",", "") ?? this.parameters);
  }

  /** Returns the events that a line marks. */
  private *moment(text: string): Generator<NewRunEvent> {
    const found = (pattern: RegExp) => pattern.exec(text)?.[1];
    const stage = STAGES.findIndex(([heading]) => heading.test(text));
    const label = STAGES[stage]?.[1];
    if (label !== undefined) yield { event: "progress", label, done: stage, total: STAGES.length - 1 };
    const version = found(/^BiaPy\s+: (\S+)/);
    if (version !== undefined && version !== BIAPY_VERSION)
      yield { event: "log", level: "warning", message: untested(version) };
    if (TOLD.test(text)) yield { event: "log", level: "info", message: text };
    const epoch = /^~~~ Epoch (\d+)\/(\d+) ~~~/.exec(text);
    if (epoch !== null) this.beginEpoch(Number(epoch[1]), Number(epoch[2]));
    if (/^Val loss improved/.test(text)) this.improved = true;
    if (/^\[Time\]|^Early stopping$|^Training time/.test(text)) yield* this.endEpoch();
    const image = found(/^(?:\[Rank .*?\] )?Processing image(?: \(by chunks\))?: (.+?)(?: \(GT: .*\))?$/);
    if (image !== undefined || /^#\s+RESULTS\s+#$/.test(text)) yield* this.endImage();
    if (image !== undefined) yield* this.beginImage(image);
    if (!/^FINISHED JOB /.test(text)) return;
    this.finished = true;
    yield* this.testResults();
  }

  private *start(steps: number): Generator<NewRunEvent> {
    if (this.started) return;
    this.started = true;
    const { tree } = this.files;
    yield {
      event: "start",
      name: tree.name,
      runId: tree.runId,
      pid: process.pid,
      jobDirectory: tree.jobDirectory,
      runDirectory: tree.runDirectory,
      configFile: this.order.configFile,
      engine: "biapy",
      device: this.processes > 1 ? `${this.device} (${this.processes} processes)` : this.device,
      architecture: this.configuration.value("MODEL.ARCHITECTURE") ?? "",
      parameters: this.parameters,
      epochs: this.epochs,
      stepsPerEpoch: steps,
      firstEpoch: Math.max(this.epoch, 1),
    };
  }

  private beginEpoch(epoch: number, epochs: number): void {
    this.epoch = epoch;
    this.epochs = epochs;
    this.epochStarted = Date.now();
    this.improved = false;
    this.toldSteps.clear();
  }

  private *step(line: StepLine): Generator<NewRunEvent> {
    const { epoch, step, steps, metrics, learningRate, stepSeconds } = line;
    // Validation lines have no learning rate.
    if (learningRate === undefined) return;
    yield* this.start(steps);
    this.toldSteps.add(step);
    this.lastStep = line;
    const secondsLeft = line.secondsLeft + (this.epochs - epoch) * steps * stepSeconds;
    yield { event: "step", epoch, step, steps, metrics, learningRate, stepSeconds, secondsLeft };
  }

  /** Returns the steps between the printed ones: their losses are in the TensorBoard file. */
  private *stepsBetween(): Generator<NewRunEvent> {
    const scalars = this.files.newScalars();
    const rates = scalars.filter(({ tag }) => tag === "opt/lr");
    const losses = scalars.filter(({ tag }) => tag === "loss/loss");
    const steps = this.lastStep?.steps ?? losses.length;
    for (const [index, { value, wallTime }] of losses.entries()) {
      const step = index + 1;
      if (this.toldSteps.has(step) || step > steps || !Number.isFinite(value)) continue;
      const stepSeconds = wallTime - (losses[index - 1]?.wallTime ?? this.epochStarted / 1000);
      const learningRate = rates[index]?.value ?? 0;
      const { epoch } = this;
      yield {
        event: "step",
        epoch,
        step,
        steps,
        metrics: { loss: value },
        learningRate,
        stepSeconds,
        secondsLeft: 0,
      };
    }
  }

  private *endEpoch(): Generator<NewRunEvent> {
    const { epoch, epochs, improved } = this;
    const logged = epoch > 0 && this.epochStarted > 0 ? this.files.epoch(epoch) : undefined;
    if (logged === undefined) return;
    yield* this.stepsBetween();
    const { train, validation, learningRate } = logged;
    // The clock may be set back.
    const seconds = Math.max(0, Date.now() - this.epochStarted) / 1000;
    this.epochStarted = 0;
    const secondsLeft = (epochs - epoch) * seconds;
    yield {
      event: "epoch",
      epoch,
      epochs,
      train,
      validation,
      learningRate,
      seconds,
      secondsLeft,
      memoryBytes: 0,
      best: improved,
    };
    if (improved) yield { event: "checkpoint", path: this.files.tree.bestCheckpoint, kind: "best", epoch };
    const periodic = this.files.periodicCheckpoint(epoch);
    if (periodic !== undefined) yield { event: "checkpoint", path: periodic, kind: "periodic", epoch };
    for (const { image, files } of this.files.trainingSamples(epoch))
      yield { event: "image", kind: "mae-check", image, files, epoch };
  }

  private *beginImage(image: string): Generator<NewRunEvent> {
    yield* this.start(0);
    this.image = image;
    yield { event: "log", level: "info", message: `Testing ${image}` };
  }

  private *endImage(): Generator<NewRunEvent> {
    const { image } = this;
    if (image === undefined) return;
    this.image = undefined;
    const files = this.files.testImage(
      image,
      this.folder("DATA.TEST.PATH"),
      this.folder("DATA.TEST.SSL_SOURCE_DIR"),
    );
    yield { event: "image", kind: "prediction", image, files };
  }

  private folder(key: string): string | undefined {
    const written = this.configuration.value(key);
    return written ? resolve(this.order.workingDirectory, written) : undefined;
  }

  /** Keeps an average over all test images, printed at the end. */
  private learnTestMetric(text: string): void {
    const found = /^Test ([\w ]+?) \(merge patches\): (\S+)$/.exec(text);
    if (found !== null) this.testMetrics.push([found[1] ?? "", Number(found[2])]);
  }

  private *testResults(): Generator<NewRunEvent> {
    for (const { image, metrics } of this.files.testMetrics()) yield { event: "test", image, metrics };
    if (this.testMetrics.length > 0) yield { event: "test", metrics: namedMetrics(this.testMetrics) };
  }

  /** Returns the first error: with several processes, the others fail because of the first one. */
  private problem(): Problem | undefined {
    const lines = this.failure ?? [];
    const at = lines.findIndex((line) => PYTHON_ERROR.test(line));
    if (at < 0) return undefined;
    const traceback = lines.slice(0, at);
    if (!traceback.some((line) => line.includes(CHECKS))) {
      const message = explainExit({ code: 1, signal: null, lastLines: lines.slice(0, at + 1) });
      return { severity: "error", message };
    }
    const message = lines
      .slice(at)
      .join(" ")
      .replace(/^\w+: /, "")
      .trim();
    const key = /[A-Z_]{2,}(?:\.[A-Z0-9_]+)+/.exec(message)?.[0];
    return { severity: "error", key, file: this.order.configFile, message: `BiaPy: ${message}` };
  }
}

function gpuLabel(gpu: string): string {
  const numbers = gpuNumbers(gpu);
  return numbers.length > 1 ? `GPUs ${numbers.join(", ")}` : `GPU ${numbers[0] ?? ""}`.trim();
}

/** Returns a warning about an untested version of BiaPy. */
function untested(version: string): string {
  return `BiaPy ${version} is not the one that this extension was tested with (${BIAPY_VERSION}): charts or previews may be missing. \`pip install biapy==${BIAPY_VERSION}\` brings that one.`;
}
