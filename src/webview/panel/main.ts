/** The training panel's page. It shows what the extension's messages describe. */
import "../page.css";
import "./panel.css";
import "uplot/dist/uPlot.min.css";
import type { EpochPictures } from "../../facts/epoch-pictures.ts";
import { runName, runTitles } from "../../facts/run-titles.ts";
import type {
  FromPanel,
  PanelState,
  RunDetails,
  RunSummary,
  ToPanel,
} from "../../protocol/panel-messages.ts";
import { element, oncePerFrame, setText, show, sparingly } from "../dom.ts";
import { connect } from "../host.ts";
import { ImageClient } from "../images/image-client.ts";
import { busyRing, button } from "../toolkit.ts";
import { type CurveSettings, CurvesView, USUAL_CURVES } from "./curves-view.ts";
import { DetailsView } from "./details-view.ts";
import { ErrorsView } from "./errors-view.ts";
import { type ImageSettings, ImagesView } from "./images-view.ts";
import { KeptScroll } from "./kept-scroll.ts";
import { LogView } from "./log-view.ts";
import { ProgressView } from "./progress-view.ts";
import { RunBar } from "./run-bar.ts";
import { RunRecord } from "./run-record.ts";
import { TestResults } from "./test-results.ts";

interface KeptState extends PanelState {
  readonly curves?: CurveSettings;
  readonly images?: ImageSettings;
  /** How far the page is scrolled, in CSS pixels. */
  readonly scroll?: number;
}

const host = connect<ToPanel, FromPanel, KeptState>(receive);
let kept: KeptState = host.kept ?? {};
// The extension's answer arrives after this script has run: both work at the same time.
host.post({ type: "ready", state: kept });
let runs: readonly RunSummary[] | undefined;
let shown: string | undefined;
let compared: readonly string[] = [];
/** The comparison that was asked for in this page, or is kept. Any other one was asked for elsewhere. */
let ownComparison: readonly string[] = kept.compared ?? [];
/** Whether the curves are to be scrolled to when they are drawn. */
let curvesWanted = false;
const records = new Map<string, RunRecord>();
const details = new Map<string, RunDetails>();
const replays = new Map<string, readonly EpochPictures[]>();
/** The epoch whose pictures were requested last, by run. */
const replayed = new Map<string, number>();

const openFile = (path: string, line?: number) => host.post({ type: "open-file", path, line });
const images = new ImageClient((request) => host.post(request));
const progress = new ProgressView({
  stop: () => withShown((run) => host.post({ type: "stop", run })),
  resume: () => withShown((run) => host.post({ type: "resume", run })),
});
const bar = new RunBar(progress.buttons, {
  showRun: (run) => host.post({ type: "show-run", run }),
  compare: (runs) => {
    ownComparison = runs;
    host.post({ type: "compare-runs", runs });
  },
});
const saveFile = async (name: string, file: Blob) =>
  host.post({ type: "save-file", name, content: await file.arrayBuffer() });
const failed = (message: string) => host.post({ type: "failed", message });
const curves = new CurvesView(kept.curves ?? USUAL_CURVES, {
  changed: (curves) => keep({ curves }),
  save: saveFile,
  failed,
});
const imagesView = new ImagesView(images, kept.images ?? {}, (images) => keep({ images }), {
  open: (images, z) => host.post({ type: "open-images", images, start: { z } }),
  save: saveFile,
});
const results = new TestResults();
const log = new LogView({ openFile, failed });
const errors = new ErrorsView({
  openFile,
  showLog: () => withShown((run) => host.post({ type: "show-log", run })),
  setPartSize: (size) => host.post({ type: "set-part-size", size }),
});
const about = new DetailsView({
  annotate: (run, notes) => {
    const known = details.get(run);
    // Until the extension has saved them, the page shows what was written.
    if (known !== undefined) details.set(run, { ...known, notes });
    host.post({ type: "annotate", run, notes });
  },
  openFile,
});
const waiting = element("div", { class: "waiting" }, busyRing("Reading this run's history"));
const run = element(
  "div",
  { class: "run" },
  progress.element,
  errors.element,
  waiting,
  element("div", { class: "beside" }, imagesView.element, curves.element),
  results.element,
  about.element,
  log.element,
);
const heading = element("h1", { class: "spoken" });
const runPage = element("div", {}, heading, bar.element, bar.comparison, run);
const emptyPage = element(
  "div",
  { class: "empty" },
  element("h1", {}, "No run yet"),
  element(
    "p",
    {},
    "Run a BiaPy configuration: its losses and reconstructions appear here as it trains, and stay when it is done.",
  ),
  element(
    "div",
    { class: "toolbar" },
    button("Run Training", () => host.post({ type: "command", command: "run-training" }), {
      kind: "primary",
    }),
    button("New Configuration", () => host.post({ type: "command", command: "new-configuration" })),
  ),
);
document.getElementById("page")?.append(runPage, emptyPage);
const scroll = new KeptScroll(runPage, kept.scroll, (top) => keep({ scroll: top }));
runPage.hidden = true;
emptyPage.hidden = true;

const draw = oncePerFrame(drawRun);

/** A run may take hundreds of steps a second and needs the processor. The next events arrive when these are drawn. */
const drawEvents = sparingly(200, () => {
  drawRun();
  host.post({ type: "events-drawn" });
});

function drawRun(): void {
  show(emptyPage, runs?.length === 0);
  const summary = runs?.find(({ id }) => id === shown);
  show(runPage, summary !== undefined);
  if (runs === undefined || summary === undefined) return;
  const title = titleOf(summary.id) || runName(summary);
  setText(heading, `Training of ${title}`);
  bar.show(runs, summary.id, compared);
  const record = records.get(summary.id);
  progress.show(summary, record);
  show(waiting, record === undefined);
  about.show(details.get(summary.id));
  for (const view of [curves, imagesView, log]) show(view.element, record !== undefined);
  results.show(record?.tests ?? new Map());
  if (record === undefined) {
    show(errors.element, false);
    return;
  }
  const drawn = shownRuns(summary, record, runs);
  curves.show(drawn);
  askForMore(summary.id, record);
  imagesView.show(record, replays.get(summary.id));
  errors.show(record);
  log.show(record);
  if (!curvesWanted || drawn.length <= compared.length) return;
  curvesWanted = false;
  scroll.release();
  curves.element.scrollIntoView();
}

/** Requests what a run's history lacks: its details, and the pictures of its epochs after each epoch. */
function askForMore(run: string, record: RunRecord): void {
  if (!replayed.has(run)) host.post({ type: "ask-details", run });
  const epoch = Math.max(0, ...[...record.images.values()].map(({ epoch }) => epoch ?? 0));
  if (replayed.get(run) === epoch) return;
  replayed.set(run, epoch);
  host.post({ type: "ask-epochs", run });
}

/** Returns the name that the user gave a run. */
const titleOf = (run: string): string | undefined => details.get(run)?.notes.title;

function shownRuns(summary: RunSummary, record: RunRecord, known: readonly RunSummary[]) {
  const others = compared.flatMap((id) => {
    const [other, otherRecord] = [known.find((run) => run.id === id), records.get(id)];
    return other === undefined || otherRecord === undefined ? [] : [{ summary: other, record: otherRecord }];
  });
  const all = [{ summary, record }, ...others];
  const names = runTitles(all.map(({ summary }) => ({ ...summary, title: titleOf(summary.id) })));
  return all.map(({ record }, index) => ({ name: names[index] ?? "", record }));
}

function receive(message: ToPanel): void {
  switch (message.type) {
    case "runs":
      runs = message.runs;
      shown = message.shown;
      // After a window reload, no runs are known yet.
      if (shown !== undefined) keep({ run: shown });
      for (const run of message.sent ?? []) if (!records.has(run)) host.post({ type: "ask-history", run });
      break;
    case "history":
      records.set(message.history.run, new RunRecord(message.history));
      break;
    case "events": {
      const record = records.get(message.run);
      for (const event of message.events) record?.add(event);
      drawEvents();
      // A hidden page draws nothing.
      if (document.hidden) host.post({ type: "events-drawn" });
      return;
    }
    case "details":
      details.set(message.details.run, message.details);
      break;
    case "epochs":
      replays.set(message.run, message.epochs);
      break;
    case "compare":
      // The same comparison is sent again whenever the list of runs changes.
      if (message.runs.join("\n") !== compared.join("\n")) {
        curvesWanted = message.runs.some((run) => !ownComparison.includes(run));
        if (curvesWanted) ownComparison = message.runs;
      }
      compared = message.runs;
      // Their curves carry their given names.
      for (const run of compared) if (!details.has(run)) host.post({ type: "ask-details", run });
      if (shown !== undefined) keep({ compared });
      break;
    default:
      images.receive(message);
      return;
  }
  draw();
}

function keep(change: KeptState): void {
  kept = { ...kept, ...change };
  host.keep(kept);
}

function withShown(action: (run: string) => void): void {
  if (shown !== undefined) action(shown);
}
