/** The extension's side of the training panel: what it sends to its page, and what it reports to the user. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type * as vscode from "vscode";
import { openTrainingPanel } from "../../src/extension/commands/manage-runs.ts";
import type { Services } from "../../src/extension/commands/services.ts";
import { registerTrainingPanel } from "../../src/extension/panel/index.ts";
import { TrainingPage } from "../../src/extension/panel/training-page.ts";
import type { RunSource } from "../../src/extension/runs/run-source.ts";
import { ImageReader } from "../../src/extension/viewer/image-reader.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import type { FromPanel, RunSummary, ToPanel } from "../../src/protocol/panel-messages.ts";
import { EventEmitter, focusedPanels, shownMessages, Uri } from "../support/fake-vscode.ts";

const extension = mkdtempSync(join(tmpdir(), "training-page-"));
const pages = join(extension, "dist", "webview");
mkdirSync(pages, { recursive: true });
for (const name of ["panel.js", "panel.css"]) writeFileSync(join(pages, name), "");
after(() => rmSync(extension, { recursive: true }));
beforeEach(() => shownMessages.splice(0));

const summary: RunSummary = {
  id: "/results/a/results/a_1",
  name: "a",
  runId: 1,
  status: "running",
  engine: "embedded",
  started: 0,
  resumable: false,
  timeLeft: undefined,
};

/** A panel as VS Code has it: once it is closed, its webview throws. */
function newPanel() {
  const [received, closed] = [new EventEmitter<FromPanel>(), new EventEmitter<void>()];
  const sent: ToPanel[] = [];
  let disposed = false;
  const webview = {
    options: {},
    html: "",
    postMessage: async (message: ToPanel) => sent.push(message),
    onDidReceiveMessage: received.event,
  };
  const panel = {
    get webview() {
      if (disposed) throw new Error("Webview is disposed");
      return webview;
    },
    visible: true,
    onDidDispose: closed.event,
  };
  return {
    // VS Code's other members are not used here.
    panel: panel as unknown as vscode.WebviewPanel,
    sent,
    send: (message: FromPanel) => received.fire(message),
    close: () => {
      disposed = true;
      closed.fire();
    },
  };
}

const context = { asAbsolutePath: (path: string) => join(extension, path) } as vscode.ExtensionContext;

/** One run, whose history is read when the test says so. */
function slowRuns() {
  const changes = new EventEmitter<void>();
  const fileChanges = new EventEmitter<string>();
  const received = new EventEmitter<{ readonly run: string; readonly events: readonly RunEvent[] }>();
  const readings: { settle(events: readonly RunEvent[]): void; fail(error: Error): void }[] = [];
  const never = new EventEmitter<never>();
  const source: RunSource = {
    runs: [summary],
    onDidChangeRuns: changes.event,
    onDidReceiveEvents: received.event,
    onDidChangeFiles: fileChanges.event,
    onDidAnnotateRun: never.event,
    events: () =>
      new Promise((settle, fail) => {
        readings.push({ settle, fail });
      }),
    details: async () => undefined,
    stop: async () => {},
    resume: async () => {},
    annotate: async () => {},
  };
  return {
    source,
    readings,
    change: () => changes.fire(),
    changeFiles: () => fileChanges.fire(summary.id),
    receive: (events: readonly RunEvent[]) => received.fire({ run: summary.id, events }),
  };
}

/** Lets everything that waits for nothing else happen. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

test("a panel that is closed while a history is read reports no error", async () => {
  const [{ panel, sent, close }, runs] = [newPanel(), slowRuns()];
  new TrainingPage(panel, context, runs.source, new ImageReader(""), {});
  assert.equal(runs.readings.length, 1);
  close();
  const before = sent.length;
  runs.readings[0].settle([]);
  await settled();
  assert.deepEqual(shownMessages, []);
  assert.equal(sent.length, before);
});

test("a history that cannot be read is reported once, and read again when the page asks", async () => {
  const [{ panel, sent, send }, runs] = [newPanel(), slowRuns()];
  new TrainingPage(panel, context, runs.source, new ImageReader(""), {});
  runs.readings[0]?.fail(new Error("EACCES"));
  await settled();
  for (let change = 0; change < 3; change++) {
    runs.change();
    runs.readings.at(-1)?.fail(new Error("EACCES"));
    await settled();
  }
  assert.equal(shownMessages.length, 1);
  assert.match(shownMessages[0] ?? "", /EACCES/);
  send({ type: "show-run", run: summary.id });
  runs.readings.at(-1)?.settle([]);
  await settled();
  assert.ok(sent.some(({ type }) => type === "history"));
});

test("a history that cannot be read is read again when the run's files change, and reported once", async () => {
  const [{ panel, sent }, runs] = [newPanel(), slowRuns()];
  new TrainingPage(panel, context, runs.source, new ImageReader(""), {});
  const fail = async () => {
    runs.readings.at(-1)?.fail(new Error("EACCES"));
    await settled();
  };
  await fail();
  const logged: RunEvent = { event: "log", time: 1, level: "info", message: "epoch 1" };
  for (const happen of [runs.changeFiles, () => runs.receive([logged])]) {
    const before = runs.readings.length;
    happen();
    assert.equal(runs.readings.length, before + 1);
    await fail();
  }
  assert.equal(shownMessages.length, 1);
  runs.changeFiles();
  runs.readings.at(-1)?.settle([logged]);
  await settled();
  const histories = sent.filter((message) => message.type === "history");
  assert.deepEqual(
    histories.map(({ history }) => history.events),
    [[logged]],
  );
  // What was read is not read again.
  const { length } = runs.readings;
  runs.changeFiles();
  assert.equal(runs.readings.length, length);
});

test("a request of the page that fails is reported", async () => {
  const [{ panel, send }, runs] = [newPanel(), slowRuns()];
  const annotate = async () => {
    throw new Error("the disk is full");
  };
  new TrainingPage(panel, context, { ...runs.source, annotate }, new ImageReader(""), {});
  send({ type: "annotate", run: summary.id, notes: { title: "", notes: "lost", starred: false } });
  await settled();
  send({ type: "failed", message: "Not copied: denied" });
  assert.deepEqual(shownMessages, ["BiaPy: the disk is full", "BiaPy: Not copied: denied"]);
});

test("Open Training Panel moves the focus to the panel; the start of a training does not", async () => {
  const { source } = slowRuns();
  const opening = { ...context, subscriptions: [], extensionUri: Uri.file(extension) };
  const panel = registerTrainingPanel(opening as unknown as vscode.ExtensionContext, source);
  panel.show(summary.id);
  panel.show(summary.id);
  assert.deepEqual(focusedPanels, []);
  await openTrainingPanel({ panel } as unknown as Services, summary.id);
  assert.deepEqual(focusedPanels, ["Training"]);
});
