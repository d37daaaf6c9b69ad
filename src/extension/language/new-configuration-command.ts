/** The command BiaPy: New Configuration: a few questions, then a commented file. */
import { cp, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import * as vscode from "vscode";
import { holdsCopies } from "../../facts/degraded-copies.ts";
import { counted } from "../../facts/format.ts";
import type { WorkflowName } from "../../facts/workflows.ts";
import { freePath } from "../workspace/free-path.ts";
import { askInOrder, type Choice, choose, kept, type Question, type Step } from "../workspace/multi-step.ts";
import { markDone } from "../workspace/walkthrough-steps.ts";
import { askWhereToSave, writeAndShow } from "./documents.ts";
import { describeContent } from "./folder-content.ts";
import { folderOffers, masksBeside, type OfferedFolder, SAMPLE_IMAGES, testBeside } from "./folder-offers.ts";
import { imageChecks } from "./load-image-checks.ts";
import {
  architecturesFor,
  type ConfigurationChoices,
  configurationText,
  proposedPatch,
  shortestPath,
} from "./new-configuration.ts";

/** In place of a folder: one that is chosen in a dialog. */
const OTHER_FOLDER = "choose";

/** In place of a folder of test masks: none. */
const NO_MASKS = "none";

/** The purposes of a configuration, by the data that the user has. */
const GOALS: readonly Choice<WorkflowName>[] = [
  { label: "I have images only", kind: vscode.QuickPickItemKind.Separator },
  {
    label: "Pretrain by Masking",
    description: "a masked autoencoder fills in hidden parts",
    value: "masking",
  },
  {
    label: "Pretrain by Restoring",
    description: "a network restores degraded copies (crappify)",
    value: "crappify",
  },
  { label: "Denoise", description: "remove noise, without clean images (Noise2Void)", value: "denoising" },
  { label: "I have some labels", kind: vscode.QuickPickItemKind.Separator },
  { label: "Segment", description: "find objects, learned from masks", value: "segmentation" },
];

/** Known answers, for tests and other commands. The user is asked for the others. */
export interface KnownAnswers extends Partial<ConfigurationChoices> {
  readonly target?: vscode.Uri;
}

type Answers = { -readonly [Name in keyof ConfigurationChoices]?: ConfigurationChoices[Name] };

/** Asks the questions, writes the configuration and opens it. Returns the file; undefined if the user canceled. */
export async function newConfiguration(
  context: vscode.ExtensionContext,
  known: KnownAnswers = {},
): Promise<vscode.Uri | undefined> {
  const answers: Answers = { ...known };
  if (!(await askInOrder(stepsOf(context, known, answers)))) return undefined;
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
  await mkdir(dirname(target.fsPath), { recursive: true });
  await writeAndShow(target, text);
  markDone("configure");
  return target;
}

/** The questions, each skipped if its answer is known or there is only one. Each writes its answer to `answers`. */
function stepsOf(context: vscode.ExtensionContext, known: KnownAnswers, answers: Answers): Step[] {
  const keep = <Name extends keyof Answers>(name: Name) => {
    return (answer: Answers[Name]) => {
      answers[name] = answer;
    };
  };
  const found = once(() => workspaceFolders(context));
  const descriptions = new Map<string, Promise<Choice<string>>>();
  const folders = async (of: "images" | "masks", proposed?: string): Promise<Choice<string>[]> =>
    Promise.all(
      folderOffers(await found(), of, proposed).map((folder) => {
        const description = descriptions.get(folder.path) ?? folderChoice(context, folder);
        descriptions.set(folder.path, description);
        return description;
      }),
    );
  return [
    async (place) => {
      if (known.trainFolder !== undefined) return "skipped";
      const proposed = answers.trainFolder;
      const choices = folders("images", proposed);
      const answer = await askFolder("Which images to train on?", place, choices, proposed);
      return kept(answer, keep("trainFolder"));
    },
    async (place) => {
      if (known.ndim !== undefined) return "skipped";
      const choices: readonly Choice<2 | 3>[] = [
        { label: "2D", description: "planes: y, x", value: 2 },
        { label: "3D", description: "stacks: z, y, x", value: 3 },
      ];
      const proposed = answers.ndim ?? (await dimensionsOf(context, answers.trainFolder));
      const answer = await ask({ ...place, placeholder: "What are your images?", choices, proposed });
      return kept(answer, keep("ndim"));
    },
    async (place) => {
      if (known.workflow !== undefined) return "skipped";
      const answer = await ask({
        ...place,
        placeholder: "What do you have, and what should the model do?",
        choices: GOALS,
        proposed: answers.workflow,
      });
      return kept(answer, keep("workflow"));
    },
    async (place) => {
      const { workflow = "masking", ndim = 2 } = answers;
      const names = architecturesFor(workflow, ndim);
      if (known.architecture !== undefined) return "skipped";
      if (names.length === 1) {
        answers.architecture = names[0];
        return "skipped";
      }
      const choices = names.map((value) => ({ label: value, value }));
      const answer = await ask({
        ...place,
        placeholder: "Which network?",
        choices,
        proposed: answers.architecture,
      });
      return kept(answer, keep("architecture"));
    },
    async (place) => {
      if (answers.workflow !== "segmentation" || known.trainMasks !== undefined) return "skipped";
      const proposed = answers.trainMasks ?? masksBeside(answers.trainFolder, await found());
      const choices = folders("masks", proposed);
      const answer = await askFolder("Which masks go with the training images?", place, choices, proposed);
      return kept(answer, keep("trainMasks"));
    },
    async (place) => {
      if (known.testFolder !== undefined) return "skipped";
      const proposed = answers.testFolder ?? testBeside(answers.trainFolder, await found());
      const choices = folders("images", proposed);
      const answer = await askFolder("Which images to test on?", place, choices, proposed);
      return kept(answer, keep("testFolder"));
    },
    async (place) => {
      if (answers.workflow !== "segmentation" || known.testMasks !== undefined) return "skipped";
      const proposed = answers.testMasks ?? masksBeside(answers.testFolder, await found());
      const without = { label: "$(circle-slash) No Masks", description: "predict only", value: NO_MASKS };
      const choices = folders("masks", proposed).then((offered) => [...offered, without]);
      const answer = await askFolder("Which masks go with the test images?", place, choices, proposed);
      return kept(answer, keep("testMasks"));
    },
  ];
}

const TITLE = "BiaPy: New Configuration";

const ask = <T>(question: Omit<Question<T>, "title">) => choose({ ...question, title: TITLE });

async function askFolder(
  placeholder: string,
  place: Parameters<Step>[0],
  folders: Promise<readonly Choice<string>[]>,
  proposed?: string,
): Promise<string | undefined> {
  const choices = folders.then((found) => [
    ...found,
    {
      label: "$(folder-opened) Choose a Folder…",
      description: "with microscopy images",
      value: OTHER_FOLDER,
    },
    {
      label: "$(beaker) Use Sample Images",
      description: "of nuclei, copied beside the configuration",
      value: SAMPLE_IMAGES,
    },
  ]);
  const answer = await ask({ ...place, placeholder, choices, proposed });
  if (answer !== OTHER_FOLDER) return answer;
  const found = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    title: placeholder,
    openLabel: "Use This Folder",
    defaultUri: vscode.workspace.workspaceFolders?.[0]?.uri,
  });
  // Closing the dialog returns to the list.
  return found?.[0]?.fsPath ?? askFolder(placeholder, place, folders, proposed);
}

/** The workspace's folders of images, without degraded copies. */
async function workspaceFolders(context: vscode.ExtensionContext): Promise<readonly OfferedFolder[]> {
  const bases = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const found = await Promise.all(
    bases.map(async (base) => {
      const folders = await imageChecks(context).imageFolders(base);
      return folders.map((folder) => ({ ...folder, place: relative(base, folder.path) }));
    }),
  );
  return found.flat().filter(({ path }) => !holdsCopies(path));
}

/** A folder with the count, size and type of its images. */
async function folderChoice(
  context: vscode.ExtensionContext,
  { path, count }: OfferedFolder,
): Promise<Choice<string>> {
  const content = await imageChecks(context).folderContent(path);
  const description = content === undefined ? counted(count, "image") : describeContent(content);
  return { label: `$(folder) ${vscode.workspace.asRelativePath(path)}`, description, value: path };
}

/** The dimensions of a folder's images: 3 if the first one has several slices. */
async function dimensionsOf(
  context: vscode.ExtensionContext,
  folder: string | undefined,
): Promise<2 | 3 | undefined> {
  if (folder === undefined || folder === SAMPLE_IMAGES) return undefined;
  const content = await imageChecks(context).folderContent(folder);
  if (content === undefined) return undefined;
  return content.shape[0] > 1 ? 3 : 2;
}

/** Calls a function at the first use only. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

async function askTarget(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const proposed = freePath(join(folder.fsPath, "my_model"), ".biapy.yaml");
  return askWhereToSave("Save the Configuration", vscode.Uri.file(proposed));
}
