/** The command BiaPy: New Configuration: a few questions, then a commented file. */
import { cp, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { askWhereToSave, writeAndShow } from "./documents.ts";
import { imageChecks } from "./load-image-checks.ts";
import {
  architecturesFor,
  type ConfigurationChoices,
  configurationText,
  shortestPath,
} from "./new-configuration.ts";

interface Choice<T> extends vscode.QuickPickItem {
  readonly value: T;
}

const STEPS = 5;

/** In place of a folder: the images that come with the extension. They are copied, since an update of it moves them. */
const SAMPLE_IMAGES = "samples";

/** Answers that are known beforehand, for tests and for other commands; what is absent is asked. */
export interface KnownAnswers extends Partial<ConfigurationChoices> {
  readonly target?: vscode.Uri;
}

/** Asks for what a configuration needs, writes it and opens it. Gives the file, or nothing when it was cancelled. */
export async function newConfiguration(
  context: vscode.ExtensionContext,
  known: KnownAnswers = {},
): Promise<vscode.Uri | undefined> {
  const ndim =
    known.ndim ??
    (await ask<2 | 3>(1, "What are your images?", [
      { label: "2D", description: "planes: y, x", value: 2 },
      { label: "3D", description: "stacks: z, y, x", value: 3 },
    ]));
  if (ndim === undefined) return undefined;
  const task =
    known.task ??
    (await ask<"masking" | "crappify">(2, "How is the model to learn?", [
      { label: "Masking", description: "fill in hidden parts (masked autoencoder)", value: "masking" },
      {
        label: "Crappify",
        description: "restore images that were worsened by noise and lower resolution",
        value: "crappify",
      },
    ]));
  if (task === undefined) return undefined;
  const names = architecturesFor(task, ndim);
  const architecture =
    known.architecture ??
    (names.length === 1
      ? names[0]
      : await ask(
          3,
          "Which network?",
          names.map((value) => ({ label: value, value })),
        ));
  if (architecture === undefined) return undefined;
  const trainFolder = known.trainFolder ?? (await askFolder(4, "Folder of images to train on"));
  if (trainFolder === undefined) return undefined;
  const testFolder = known.testFolder ?? (await askFolder(5, "Folder of images to test on"));
  if (testFolder === undefined) return undefined;
  const target = known.target ?? (await askTarget());
  if (target === undefined) return undefined;
  const base = vscode.workspace.getWorkspaceFolder(target)?.uri.fsPath ?? dirname(target.fsPath);
  const samples = join(base, "sample-images", `${ndim}d`);
  if ([trainFolder, testFolder].includes(SAMPLE_IMAGES))
    await cp(context.asAbsolutePath(join("media", "samples", `${ndim}d`)), samples, { recursive: true });
  const training = trainFolder === SAMPLE_IMAGES ? join(samples, "train") : trainFolder;
  const test = testFolder === SAMPLE_IMAGES ? join(samples, "test") : testFolder;
  const channels =
    known.channels ??
    (await imageChecks(context)
      .channels(training)
      .catch(() => 1));
  const text = configurationText({
    ndim,
    task,
    architecture,
    channels,
    trainFolder: shortestPath(training, base),
    testFolder: shortestPath(test, base),
  });
  await mkdir(dirname(target.fsPath), { recursive: true });
  await writeAndShow(target, text);
  return target;
}

async function ask<T>(
  step: number,
  placeHolder: string,
  items: readonly Choice<T>[],
): Promise<T | undefined> {
  const title = `BiaPy: New Configuration (${step}/${STEPS})`;
  return (await vscode.window.showQuickPick(items, { title, placeHolder, ignoreFocusOut: true }))?.value;
}

async function askFolder(step: number, question: string): Promise<string | undefined> {
  const answer = await ask<"choose" | typeof SAMPLE_IMAGES>(step, question, [
    { label: "$(folder-opened) Choose a folder…", description: "with microscopy images", value: "choose" },
    {
      label: "$(beaker) Use sample images",
      description: "of nuclei, copied beside the configuration",
      value: SAMPLE_IMAGES,
    },
  ]);
  if (answer !== "choose") return answer;
  const found = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    title: question,
    openLabel: "Use this folder",
    defaultUri: vscode.workspace.workspaceFolders?.[0]?.uri,
  });
  return found?.[0]?.fsPath;
}

async function askTarget(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  return askWhereToSave("Save the configuration", vscode.Uri.joinPath(folder, "my_model.biapy.yaml"));
}
