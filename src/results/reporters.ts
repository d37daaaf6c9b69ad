/** Reports a run's events: as JSON Lines to a parent process, or as a progress bar and text to a terminal. */

import { SingleBar } from "cli-progress";
import colors from "picocolors";
import { aboutDuration, clock, duration, largeCount, shortNumber } from "../facts/format.ts";
import type {
  EpochEvent,
  Metrics,
  NewEndEvent,
  NewRunEvent,
  Problem,
  ReportEvent,
  StepEvent,
} from "../facts/run-events.ts";
import { quoted } from "../facts/shell-words.ts";

/** Returns a reporter that writes one JSON object per line, with the time added (`--events`). */
export function jsonLinesReporter(output: NodeJS.WritableStream): ReportEvent {
  return (event) => {
    output.write(`${JSON.stringify({ ...event, time: Date.now() })}\n`);
  };
}

const short = (value: number | undefined) => (value === undefined ? "" : shortNumber(value));

/** Formats a problem with its place, as compilers do. */
function problemText({ file, line, column, message, severity }: Problem): string {
  const place = file === undefined ? "" : [file, line, column].filter((part) => part !== undefined).join(":");
  const label = severity === "error" ? colors.red("error") : colors.yellow("warning");
  return `${place === "" ? "" : `${colors.bold(place)} `}${label} ${message}`;
}

/** Returns a workflow's main metric as text. */
function quality({ psnr, iou }: Metrics): string[] {
  if (psnr !== undefined) return [`PSNR ${short(psnr)} dB`];
  return iou === undefined ? [] : [`IoU ${short(iou)}`];
}

interface Terminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

/**
 * Returns a reporter that draws progress bars if `output` is a terminal, and prints plain lines otherwise.
 *
 * @param script the file that Node runs. In a clone, where there is no command `biapy`, it starts the command that resumes a run
 */
export function consoleReporter(output: Terminal, script = ""): ReportEvent {
  const reporter = new ConsoleReporter(output, script.endsWith(".mjs") ? ["node", script] : ["biapy"]);
  return (event) => reporter.report(event);
}

class ConsoleReporter {
  private bar: SingleBar | undefined;
  private barName = "";

  constructor(
    private readonly output: Terminal,
    private readonly program: readonly string[],
  ) {}

  report(event: NewRunEvent): void {
    if (event.event === "step") this.step(event);
    else if (event.event === "progress") {
      const left = event.secondsLeft === undefined ? "" : `${clock(event.secondsLeft)} left`;
      this.progress(event.label, event.done, event.total, left);
      if (event.done >= event.total) this.endBar();
    } else if (event.event === "epoch") this.epoch(event);
    else if (event.event === "start") {
      this.line(`${event.architecture}, ${largeCount(event.parameters)} parameters, on ${event.device}`);
      this.line(`Epochs ${event.firstEpoch} to ${event.epochs}, ${event.stepsPerEpoch} steps each`);
    } else if (event.event === "log") {
      const paint = { info: String, warning: colors.yellow, error: colors.red }[event.level];
      this.line(paint(event.message));
    } else if (event.event === "problems") {
      for (const problem of event.problems) this.line(problemText(problem));
    } else if (event.event === "test" && event.image === undefined) {
      const metrics = Object.entries(event.metrics).map(([name, value]) => `${name} ${short(value)}`);
      this.line(`Test: ${metrics.join(", ")}`);
    } else if (event.event === "end") this.end(event);
  }

  private step({ epoch, step, steps, metrics, learningRate, secondsLeft }: Omit<StepEvent, "time">): void {
    const text = `loss ${[short(metrics.loss), ...quality(metrics)].join(" | ")} | lr ${learningRate.toExponential(1)} | ${clock(secondsLeft)} left`;
    this.progress(`Epoch ${epoch}`, step, steps, text);
  }

  private progress(name: string, done: number, total: number, text: string): void {
    if (!this.output.isTTY) return;
    if (this.bar === undefined || this.barName !== name) {
      this.endBar();
      const format = `${name.padEnd(10)} {bar} {value}/{total} {text}`;
      this.bar = new SingleBar({
        format,
        barsize: 24,
        stream: this.output,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.bar.start(total, done, { text });
      this.barName = name;
    } else this.bar.update(done, { text });
  }

  private endBar(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private epoch({
    epoch,
    epochs,
    train,
    validation,
    seconds,
    best,
    secondsLeft,
  }: Omit<EpochEvent, "time">): void {
    const shown = validation ?? train;
    const parts = [
      `train loss ${short(train.loss)}`,
      ...(validation === undefined ? [] : [`validation loss ${short(validation.loss)}`]),
      ...quality(shown),
      duration(seconds),
      ...(epoch < epochs ? [`${aboutDuration(secondsLeft)} left`] : []),
    ];
    this.line(`Epoch ${epoch}/${epochs}: ${parts.join(", ")}${best ? colors.green(" (best)") : ""}`);
  }

  private end(event: NewEndEvent): void {
    if (event.status === "failed") {
      this.line(colors.red(event.message ?? "The run failed."));
      return;
    }
    if (event.status === "stopped")
      this.line(
        `Stopped. Resume with: ${[...this.program, ...(event.resume ?? [])].map((word) => quoted(word)).join(" ")}`,
      );
    this.line(`Results: ${event.runDirectory}`);
    if (event.checkpoint !== undefined) this.line(`Best checkpoint: ${event.checkpoint}`);
  }

  private line(text: string): void {
    this.endBar();
    this.output.write(`${text}\n`);
  }
}
