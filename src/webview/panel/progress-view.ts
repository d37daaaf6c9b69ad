import { engineLabel } from "../../facts/engine-labels.ts";
import { bytes, duration, largeCount, shortNumber } from "../../facts/format.ts";
import { isActive, type RunStatus } from "../../facts/run-status.ts";
import type { RunSummary } from "../../protocol/panel-messages.ts";
import { element, setText, show } from "../dom.ts";
import { button, tag } from "../toolkit.ts";
import type { RunRecord } from "./run-record.ts";

export interface ProgressEvents {
  stop(): void;
  resume(): void;
}

const STATUS: Readonly<Record<RunStatus, string>> = {
  queued: "Queued",
  running: "Running",
  finished: "Finished",
  stopped: "Stopped",
  failed: "Failed",
  interrupted: "Interrupted",
  unknown: "Unknown",
  damaged: "Damaged",
};

/** A run's status, progress, time left and device, and the buttons that stop and resume it. */
export class ProgressView {
  readonly element: HTMLElement;
  /** Stop and Resume, for the page's header. */
  readonly buttons: HTMLElement;
  private readonly status: HTMLElement;
  private readonly doing: HTMLElement;
  private readonly left: HTMLElement;
  private readonly bar: HTMLProgressElement;
  private readonly facts: HTMLElement;
  /** The values of the facts, in their order. Those that stay are kept: they may be selected, or have their tooltip open. */
  private values: readonly HTMLElement[] = [];
  private readonly spoken: HTMLElement;
  private readonly stop: ReturnType<typeof button>;
  private readonly resume: ReturnType<typeof button>;
  /** The run that was asked to stop, until it has stopped. */
  private stopping: string | undefined;
  private run: RunSummary | undefined;

  constructor(events: ProgressEvents) {
    this.stop = button(
      "Stop",
      () => {
        this.stopping = this.run?.id;
        this.showButtons();
        events.stop();
      },
      { label: "Stop this run after the current step; it can be resumed" },
    );
    this.resume = button("Resume", events.resume, {
      kind: "primary",
      label: "Resume this run from its last checkpoint",
    });
    this.resume.setAttribute("aria-label", "Resume this run");
    this.buttons = element("span", { class: "control" }, this.stop, this.resume);
    this.status = tag("");
    this.status.classList.add("status");
    this.doing = element("span", { class: "doing" });
    this.left = element("span", { class: "left" });
    this.bar = element("progress", { max: "1", value: "0", "aria-label": "Training progress" });
    this.facts = element("dl", { class: "facts" });
    this.spoken = element("div", { class: "spoken", "aria-live": "polite" });
    this.element = element(
      "section",
      { class: "progress-view", "aria-label": "Progress" },
      element("div", { class: "progress-line" }, this.status, this.doing, this.left),
      this.bar,
      this.facts,
      this.spoken,
    );
  }

  show(run: RunSummary, record: RunRecord | undefined): void {
    this.run = run;
    if (run.status !== "running") this.stopping = undefined;
    setText(this.status, STATUS[run.status]);
    this.status.dataset.status = run.status;
    setText(this.doing, doing(run, record));
    setText(this.left, timeLeft(run, record));
    this.bar.value = fraction(run, record);
    this.bar.dataset.status = run.status;
    setText(this.spoken, spoken(run, record));
    this.showFacts(run, record);
    this.showButtons();
  }

  private showButtons(): void {
    const { run } = this;
    if (run === undefined) return;
    show(this.stop, isActive(run.status));
    const stopping = this.stopping === run.id;
    this.stop.disabled = stopping;
    setText(this.stop, stopping ? "Stopping…" : "Stop");
    show(this.resume, run.resumable && !isActive(run.status));
  }

  private showFacts(run: RunSummary, record: RunRecord | undefined): void {
    const { start, epoch, best, step } = record ?? {};
    const facts: [string, string][] = [];
    const bestLoss = best?.validation?.loss ?? best?.train.loss;
    if (best !== undefined && bestLoss !== undefined) {
      facts.push(["Best loss", `${shortNumber(bestLoss)} (epoch ${best.epoch})`]);
    }
    if (start !== undefined)
      facts.push(["Model", `${start.architecture}, ${largeCount(start.parameters)} weights`]);
    facts.push(start === undefined ? ["Engine", engineLabel(run.engine)] : ["Device", start.device]);
    // Runs reconstructed from their log have no memory usage.
    if (epoch !== undefined && epoch.memoryBytes > 0) facts.push(["Memory", bytes(epoch.memoryBytes)]);
    if (step !== undefined) facts.push(["Step", duration(step.stepSeconds)]);
    const since = run.status === "queued" ? "Waiting since" : "Started";
    facts.push([since, new Date(run.started).toLocaleString()]);
    const names = facts.map(([name]) => name).join("\n");
    if (this.facts.dataset.names !== names) {
      this.facts.dataset.names = names;
      this.values = facts.map(() => element("dd", {}));
      const lines = facts.map(([name], at) =>
        element("div", {}, element("dt", {}, name), this.values[at] ?? ""),
      );
      this.facts.replaceChildren(...lines);
    }
    for (const [at, [, value]] of facts.entries()) {
      const shown = this.values[at];
      if (shown === undefined || shown.title === value) continue;
      setText(shown, value);
      shown.title = value;
    }
  }
}

/** Returns how the run ended. A run that was resumed still has the end of its earlier part, until its first events arrive. */
function endOf(run: RunSummary, record: RunRecord | undefined): RunRecord["end"] {
  const end = record?.end;
  return run.status === "running" && end !== undefined && end.time < run.started ? undefined : end;
}

function doing(run: RunSummary, record: RunRecord | undefined): string {
  if (run.status === "queued") return "Waiting for an earlier run";
  const { start, step, epoch, progress } = record ?? {};
  const end = endOf(run, record);
  if (run.status === "running" && end === undefined) {
    if (progress !== undefined) return `${progress.label}: ${progress.done} of ${progress.total}`;
    if (step !== undefined && step.epoch > (epoch?.epoch ?? 0)) {
      return `Epoch ${step.epoch} of ${start?.epochs ?? "?"}, step ${step.step} of ${step.steps}`;
    }
    if (epoch !== undefined) return `Epoch ${epoch.epoch} of ${epoch.epochs} done`;
    return "Starting…";
  }
  const planned = start?.epochs ?? epoch?.epochs;
  return planned === undefined ? "" : `${epoch?.epoch ?? 0} of ${planned} epochs`;
}

/** Returns the text that screen readers announce: epochs and the run's end, but not each step. */
function spoken(run: RunSummary, record: RunRecord | undefined): string {
  const { epoch } = record ?? {};
  if (run.status !== "running" || epoch === undefined) return `${run.name} ${STATUS[run.status]}`;
  const loss = epoch.validation?.loss ?? epoch.train.loss ?? Number.NaN;
  return `Epoch ${epoch.epoch} of ${epoch.epochs} done, loss ${shortNumber(loss)}`;
}

function timeLeft(run: RunSummary, record: RunRecord | undefined): string {
  const end = endOf(run, record);
  if (run.status === "running" && end === undefined)
    return run.timeLeft === undefined ? "" : `${run.timeLeft} left`;
  // As in the runs table: from its start on, not from its first step.
  return end === undefined || end.time < run.started
    ? ""
    : `took ${duration((end.time - run.started) / 1000)}`;
}

function fraction(run: RunSummary, record: RunRecord | undefined): number {
  if (run.status === "finished") return 1;
  const planned = record?.start?.epochs ?? record?.epoch?.epochs;
  return record === undefined || planned === undefined ? 0 : Math.min(1, record.position / planned);
}
