/** BiaPy: Compare Pretrained and From Scratch: a label study (`biapy --label_study`) with progress and cancel. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import * as vscode from "vscode";
import { resultTree } from "../../facts/result-tree.ts";
import { jobName } from "../../runs/job-name.ts";
import { configurationFile, workingDirectory } from "../workspace/configuration-file.ts";
import { mayRun } from "../workspace/trust.ts";
import { runTool } from "./device-tools.ts";
import type { Services } from "./services.ts";

const TITLE = "Compare Pretrained and From Scratch";

/** Asks for a segmentation's configuration and a checkpoint, trains with few labels, and shows the curve. */
export async function comparePretrained(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const checkpoint = await pickCheckpoint(services);
  if (checkpoint === undefined) return;
  const cwd = workingDirectory(config);
  const setting = vscode.workspace.getConfiguration("biapy.run", config).get("resultFolder", "results");
  const place = { results: resolve(cwd, setting), name: `${jobName(config.fsPath)}_label_study` };
  const args = [
    ...["--label_study", "--config", config.fsPath, "--checkpoint", checkpoint],
    ...["--result_dir", place.results, "--name", place.name],
  ];
  const lines = await study(services, args, cwd);
  if (lines === undefined) return;
  const folder = join(resultTree(place.results, place.name, 1).jobDirectory, "label_study");
  const show = "Show Chart";
  const verdicts = lines.filter((line) => /labeled images?: IoU/.test(line));
  const answer = await vscode.window.showInformationMessage(`${TITLE}: ${verdicts.join(" · ")}`, show);
  if (answer === show)
    await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(join(folder, "label_study.png")));
}

/** Runs the study. Returns what it printed, or nothing if it was cancelled; throws what went wrong. */
async function study(
  { context, output }: Services,
  args: readonly string[],
  cwd: string,
): Promise<readonly string[] | undefined> {
  const [lines, errors]: [string[], string[]] = [[], []];
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress(
    { location, title: TITLE, cancellable: true },
    async (progress, cancelled) => {
      const read = (line: string) => {
        lines.push(line);
        output.info(line);
        const done = /^(\d+)\/(\d+): /.exec(line);
        if (done !== null) progress.report({ message: line, increment: 100 / Number(done[2]) });
      };
      const code = await runTool(context, args, read, {
        cancelled,
        cwd,
        errors: (line) => errors.push(line),
      });
      // What was trained so far is kept: the same command continues.
      if (cancelled.isCancellationRequested) return undefined;
      if (code !== 0) throw new Error(errors.join("\n") || `${TITLE} ended with code ${code}.`);
      return lines;
    },
  );
}

/** A checkpoint of a known run, or a file. */
async function pickCheckpoint({ runs }: Services): Promise<string | undefined> {
  await runs.ready();
  const file = { label: "$(folder-opened) Choose a File…", path: "" };
  const items = runs.known.flatMap(({ order, summary }) => {
    const path = resultTree(order.resultDirectory, order.name, order.runId).bestCheckpoint;
    return existsSync(path)
      ? [{ label: `${summary.name}, run ${summary.runId}`, description: path, path }]
      : [];
  });
  const answer = await vscode.window.showQuickPick([...items, file], {
    title: `BiaPy: ${TITLE}`,
    placeHolder: "Which pretrained checkpoint?",
    matchOnDescription: true,
  });
  if (answer !== file) return answer?.path;
  const found = await vscode.window.showOpenDialog({
    title: "Which pretrained checkpoint?",
    filters: { Checkpoints: ["pth", "safetensors"] },
  });
  return found?.[0]?.fsPath;
}
