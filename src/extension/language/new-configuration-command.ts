/** The command BiaPy: New Configuration: a few questions, then a commented file. */
import { cp } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { createFolder } from "../../facts/files/create-folder.ts";
import { freePath } from "../workspace/free-path.ts";
import { markDone } from "../workspace/walkthrough-steps.ts";
import { ConfigurationQuestions, NO_MASKS } from "./configuration-questions.ts";
import { askWhereToSave, writeAndShow } from "./documents.ts";
import { SAMPLE_IMAGES } from "./folder-offers.ts";
import { imageChecks } from "./load-image-checks.ts";
import {
  type ConfigurationChoices,
  configurationText,
  proposedPatch,
  shortestPath,
} from "./new-configuration.ts";

/** Known answers, for tests and other commands. The user is asked for the others. */
export interface KnownAnswers extends Partial<ConfigurationChoices> {
  readonly target?: vscode.Uri;
}

/** Asks the questions, writes the configuration and opens it. Returns the file; undefined if the user canceled. */
export async function newConfiguration(
  context: vscode.ExtensionContext,
  known: KnownAnswers = {},
): Promise<vscode.Uri | undefined> {
  const questions = new ConfigurationQuestions(context, known);
  if (!(await questions.ask())) return undefined;
  const { answers } = questions;
  const { ndim, workflow, architecture, trainFolder, testFolder } = answers;
  if (!ndim || !workflow || !architecture || !trainFolder || !testFolder) return undefined;
  const target = known.target ?? (await askTarget());
  if (target === undefined) return undefined;
  const base = vscode.workspace.getWorkspaceFolder(target)?.uri.fsPath ?? dirname(target.fsPath);
  const samples = join(base, "sample-images", `${ndim}d`);
  const chosen = [trainFolder, testFolder, answers.trainMasks, answers.testMasks];
  if (chosen.includes(SAMPLE_IMAGES))
    await cp(context.asAbsolutePath(join("media", "samples", `${ndim}d`)), samples, { recursive: true });
  const placed = (folder: string, sample: string) =>
    folder === SAMPLE_IMAGES ? join(samples, sample) : folder;
  const written = (folder: string | undefined, sample: string) =>
    folder === undefined || folder === NO_MASKS ? undefined : shortestPath(placed(folder, sample), base);
  const content = await imageChecks(context).folderContent(placed(trainFolder, "train"));
  const text = configurationText({
    ndim,
    workflow,
    architecture,
    channels: known.channels ?? content?.shape[3] ?? 1,
    patch: known.patch ?? proposedPatch(ndim, content?.shape),
    trainFolder: shortestPath(placed(trainFolder, "train"), base),
    testFolder: shortestPath(placed(testFolder, "test"), base),
    trainMasks: written(answers.trainMasks, "train-masks"),
    testMasks: written(answers.testMasks, "test-masks"),
  });
  await createFolder(dirname(target.fsPath));
  await writeAndShow(target, text);
  markDone("configure");
  return target;
}

async function askTarget(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const proposed = freePath(join(folder.fsPath, "my_model"), ".biapy.yaml");
  return askWhereToSave("Save the Configuration", vscode.Uri.file(proposed));
}
