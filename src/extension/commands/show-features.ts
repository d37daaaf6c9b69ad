/** BiaPy: Show Features…: the features of a run's test images (`biapy --features`), beside the images in the viewer. */

import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { IMAGE_TITLES } from "../../facts/image-titles.ts";
import { resultTree } from "../../facts/result-tree.ts";
import { runArguments } from "../../facts/run-arguments.ts";
import { type ImageEvent, parseRunEvent } from "../../facts/run-events.ts";
import { runName } from "../../facts/run-titles.ts";
import { configurationOf, type KnownRun } from "../runs/known-run.ts";
import { openImages } from "../viewer/index.ts";
import { mayRun } from "../workspace/trust.ts";
import { runTool } from "./device-tools.ts";
import { pickRun } from "./pick-run.ts";
import type { Services } from "./services.ts";

const TITLE = "Features";

/** @param clicked a run of the results browser, or a run's identity */
export async function showFeatures(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const run = await pickRun(services.runs, clicked, {
    title: "Show the features of which run's encoder?",
    none: "No run has a checkpoint.",
    among: ({ order }) =>
      existsSync(resultTree(order.resultDirectory, order.name, order.runId).bestCheckpoint),
  });
  if (run === undefined) return;
  const configuration = configurationOf(run);
  if (configuration === undefined) throw new Error(`The configuration of ${runName(run.summary)}, is gone.`);
  const labels = await askForLabels();
  if (labels === undefined) return;
  const pictures = await writtenFeatures(services, run, configuration, labels);
  const chosen = pictures && (await chooseImage(pictures));
  if (chosen !== undefined) show(services, chosen);
}

/** Asks for a folder of masks. Returns "" for none; undefined if the user canceled. */
async function askForLabels(): Promise<string | undefined> {
  const without = {
    label: "$(symbol-color) Features",
    detail: "Colors over each test image. A click on a place shows similar places.",
  };
  const probe = {
    label: "$(checklist) Features and Linear Probe…",
    detail:
      "Judges the features by a folder of masks, named as the test images are: IoU, accuracy and a map.",
  };
  const answer = await vscode.window.showQuickPick([without, probe], {
    title: `BiaPy: ${TITLE}`,
    ignoreFocusOut: true,
  });
  if (answer !== probe) return answer && "";
  const options = {
    canSelectFolders: true,
    canSelectFiles: false,
    title: "Folder of masks",
    openLabel: "Use",
  };
  return (await vscode.window.showOpenDialog(options))?.[0]?.fsPath;
}

/** Writes the features into the run's folder. Returns the newest event of each image. Throws errors whose message is for the user. */
async function writtenFeatures(
  { context, output }: Services,
  { order, summary }: KnownRun,
  configuration: string,
  labels: string,
): Promise<readonly ImageEvent[] | undefined> {
  const { workingDirectory, gpu } = order;
  const args = [
    ...runArguments({ ...order, configFile: configuration }),
    ...["--features", "--events"],
    ...(labels === "" ? [] : ["--labels", labels]),
    ...(gpu === "" ? [] : ["--gpu", gpu]),
  ];
  const images = new Map<string, ImageEvent>();
  const problems: string[] = [];
  const title = `${TITLE} of ${runName(summary)}`;
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, async (progress, canceled) => {
    const read = (line: string) => {
      const event = parseRunEvent(line);
      if (event?.event === "image" && event.kind === "features") images.set(event.image, event);
      if (event?.event === "progress")
        progress.report({ message: `${event.label}: ${event.done} of ${event.total}` });
      if (event?.event === "log") output.info(event.message);
      if (event?.event === "problems")
        problems.push(
          ...event.problems.filter(({ severity }) => severity === "error").map((each) => each.message),
        );
      if (event?.event === "end" && event.message !== undefined) problems.push(event.message);
    };
    const code = await runTool(context, args, read, { canceled, cwd: workingDirectory });
    if (canceled.isCancellationRequested) return undefined;
    if (code !== 0) throw new Error(problems.join("\n") || `${TITLE} ended with code ${code}.`);
    return [...images.values()];
  });
}

async function chooseImage(pictures: readonly ImageEvent[]): Promise<ImageEvent | undefined> {
  if (pictures.length < 2) return pictures[0];
  const items = pictures.map((event) => ({ label: event.image, event }));
  const answer = await vscode.window.showQuickPick(items, {
    title: "Show the features of which image?",
    ignoreFocusOut: true,
  });
  return answer?.event;
}

function show({ context }: Services, { files }: ImageEvent): void {
  const shown = [
    { title: IMAGE_TITLES.original, path: files.original, labels: false },
    { title: IMAGE_TITLES.features, path: files.features, labels: false },
    { title: IMAGE_TITLES.prediction, path: files.prediction, labels: true },
    { title: IMAGE_TITLES.groundTruth, path: files.groundTruth, labels: true },
  ].flatMap(({ path, ...each }) => (path === undefined ? [] : [{ ...each, uri: vscode.Uri.file(path) }]));
  openImages(
    context,
    shown.map(({ uri }) => uri),
    { titles: shown.map(({ title }) => title), labels: shown.map(({ labels }) => labels) },
  );
}
