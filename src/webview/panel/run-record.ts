import { shortNumber } from "../../facts/format.ts";
import type {
  EndEvent,
  EpochEvent,
  ImageEvent,
  Metrics,
  Problem,
  ProgressEvent,
  RunEvent,
  StartEvent,
  StepEvent,
  TestEvent,
} from "../../facts/run-events.ts";
import type { RunHistory } from "../../protocol/panel-messages.ts";
import { Column } from "../charts/column.ts";
import { firstAtLeast, type Track } from "../charts/track.ts";

/** A line of a run's log. */
export interface LogLine {
  readonly time: number;
  readonly level: "info" | "warning" | "error";
  readonly text: string;
  /** A file that the line is about. */
  readonly file?: { readonly path: string; readonly line?: number };
  /** A size of parts of the batch that solves the problem. */
  readonly partSize?: number;
}

/** Number of log lines kept. Errors are always kept. */
const MOST_LOG_LINES = 1000;

/** A page's record of a run: its curves and its progress. */
export class RunRecord {
  start: StartEvent | undefined;
  step: StepEvent | undefined;
  epoch: EpochEvent | undefined;
  end: EndEvent | undefined;
  /** The current activity besides training. */
  progress: ProgressEvent | undefined;
  best: EpochEvent | undefined;
  readonly images = new Map<string, ImageEvent>();
  readonly tests = new Map<string, TestEvent>();
  log: LogLine[] = [];

  private readonly positions: Column;
  private readonly learningRates: Column;
  private readonly stepMetrics: Map<string, Column>;
  private epochs: EpochEvent[] = [];

  constructor({ steps, events }: RunHistory) {
    this.positions = new Column(steps.position);
    this.learningRates = new Column(steps.learningRate);
    this.stepMetrics = new Map(
      Object.entries(steps.metrics).map(([name, values]) => [name, new Column(values)]),
    );
    const lastPosition = steps.position.at(-1);
    for (const event of events) {
      // The last step is among the columns already.
      if (event.event === "step" && positionOf(event) === lastPosition) this.step = event;
      else this.take(event);
    }
  }

  /** Adds a new event. A resumed run repeats some steps: their earlier values are dropped. */
  add(event: RunEvent): void {
    if (event.event === "start") this.forget(event.firstEpoch);
    this.take(event);
  }

  private take(event: RunEvent): void {
    switch (event.event) {
      case "start":
        this.started(event);
        break;
      case "progress":
        this.progress = event.done < event.total ? event : undefined;
        break;
      case "step":
        this.progress = undefined;
        this.stepped(event);
        break;
      case "epoch":
        this.epochDone(event);
        break;
      case "image":
        this.images.set(`${event.kind} ${event.image}`, event);
        break;
      case "test":
        this.tests.set(event.image ?? "", event);
        break;
      case "checkpoint":
        // The last one is written after every epoch.
        if (event.kind !== "last")
          this.note(event.time, "info", `Checkpoint of epoch ${event.epoch} (${event.kind})`);
        break;
      case "log":
        this.note(event.time, event.level, event.message, { partSize: event.partSize });
        break;
      case "problems":
        for (const problem of event.problems) this.noteProblem(event.time, problem);
        break;
      case "end":
        this.ended(event);
        break;
    }
  }

  /** Names of the metrics, the loss first. */
  get metrics(): string[] {
    const names = new Set(["loss", ...this.stepMetrics.keys()]);
    for (const { train, validation } of this.epochs.slice(-1)) {
      for (const name in train) names.add(name);
      for (const name in validation) names.add(name);
    }
    return [...names];
  }

  /** Returns a training metric over the steps, or over the epochs if the run reported no steps. */
  train(metric: string): Track {
    const steps = this.stepMetrics.get(metric);
    if (steps !== undefined) return { x: this.positions.values, y: steps.values };
    return this.overEpochs(({ train }) => train[metric]);
  }

  /** Returns a validation metric over the epochs. */
  validation(metric: string): Track {
    return this.overEpochs(({ validation }) => validation?.[metric]);
  }

  get learningRate(): Track {
    if (this.positions.values.length > 0) return { x: this.positions.values, y: this.learningRates.values };
    return this.overEpochs(({ learningRate }) => learningRate);
  }

  /** Epochs done, in fractions. */
  get position(): number {
    return Math.max(this.positions.values.at(-1) ?? 0, this.epochs.at(-1)?.epoch ?? 0);
  }

  private overEpochs(value: (epoch: EpochEvent) => number | undefined): Track {
    const measured = this.epochs.filter((epoch) => value(epoch) !== undefined);
    return {
      x: Float64Array.from(measured, ({ epoch }) => epoch),
      y: Float64Array.from(measured, (epoch) => value(epoch) ?? Number.NaN),
    };
  }

  private forget(firstEpoch: number): void {
    const kept = firstAtLeast(this.positions.values, firstEpoch - 1 + 1e-9);
    for (const column of [this.positions, this.learningRates, ...this.stepMetrics.values()])
      column.truncate(kept);
    this.epochs = this.epochs.filter(({ epoch }) => epoch < firstEpoch);
    this.epoch = this.epochs.at(-1);
    this.best = this.epochs.findLast(({ best }) => best);
  }

  private started(event: StartEvent): void {
    this.start = event;
    this.end = undefined;
    const doing = event.firstEpoch > 1 ? `Resumes at epoch ${event.firstEpoch}` : "Starts";
    this.note(event.time, "info", `${doing}: ${event.architecture} on ${event.device}`, {
      file: { path: event.configFile },
    });
  }

  private stepped(event: StepEvent): void {
    this.step = event;
    const position = positionOf(event);
    if (position <= (this.positions.values.at(-1) ?? 0)) return;
    const before = this.positions.values.length;
    this.positions.push(position);
    this.learningRates.push(event.learningRate);
    for (const [name, value] of Object.entries(event.metrics)) this.metricColumn(name, before).push(value);
    for (const column of this.stepMetrics.values()) column.extend(before + 1);
  }

  private metricColumn(name: string, steps: number): Column {
    const known = this.stepMetrics.get(name);
    if (known !== undefined) return known;
    const column = new Column();
    column.extend(steps);
    this.stepMetrics.set(name, column);
    return column;
  }

  private epochDone(event: EpochEvent): void {
    this.progress = undefined;
    this.epoch = event;
    if (event.best) this.best = event;
    if (event.epoch > (this.epochs.at(-1)?.epoch ?? 0)) this.epochs.push(event);
    const loss = (name: string, metrics: Metrics | undefined) =>
      metrics?.loss === undefined ? [] : [`${name} loss ${shortNumber(metrics.loss)}`];
    const parts = [...loss("train", event.train), ...loss("validation", event.validation)];
    this.note(event.time, "info", `Epoch ${event.epoch}: ${parts.join(", ")}${event.best ? " (best)" : ""}`);
  }

  private ended(event: EndEvent): void {
    this.end = event;
    this.progress = undefined;
    const words = { finished: "Finished", stopped: "Stopped", failed: "Failed" }[event.status];
    const { message = "The run failed." } = event;
    // The cause may already be in the log as a problem.
    const logged = this.log.some(({ level, text }) => level === "error" && text.endsWith(message));
    if (event.status !== "failed") this.note(event.time, "info", words);
    else if (!logged) this.note(event.time, "error", message);
  }

  private noteProblem(time: number, { severity, message, file, line, key, partSize }: Problem): void {
    this.note(time, severity, key === undefined || message.includes(key) ? message : `${key}: ${message}`, {
      file: file === undefined ? undefined : { path: file, line },
      partSize,
    });
  }

  private note(
    time: number,
    level: LogLine["level"],
    text: string,
    more: Pick<LogLine, "file" | "partSize"> = {},
  ): void {
    this.log.push({ time, level, text, ...more });
    if (this.log.length > MOST_LOG_LINES * 1.2) {
      const errors = this.log.slice(0, -MOST_LOG_LINES).filter((line) => line.level === "error");
      this.log = [...errors, ...this.log.slice(-MOST_LOG_LINES)];
    }
  }
}

/** Returns the fractional number of epochs done at the end of a step. */
const positionOf = ({ epoch, step, steps }: StepEvent): number => epoch - 1 + step / steps;
