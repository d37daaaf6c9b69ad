/** The questions of BiaPy: New Configuration. */
import { relative } from "node:path";
import * as vscode from "vscode";
import { holdsCopies } from "../../facts/degraded-copies.ts";
import { counted } from "../../facts/format.ts";
import type { WorkflowName } from "../../facts/workflows.ts";
import {
  askInOrder,
  type Choice,
  choose,
  kept,
  type Question,
  type Step,
  type StepPlace,
} from "../workspace/multi-step.ts";
import { describeContent } from "./folder-content.ts";
import { folderOffers, masksBeside, type OfferedFolder, SAMPLE_IMAGES, testBeside } from "./folder-offers.ts";
import { imageChecks } from "./load-image-checks.ts";
import { architecturesFor, type ConfigurationChoices } from "./new-configuration.ts";

/** In place of a folder: one that is chosen in a dialog. */
const OTHER_FOLDER = "choose";

/** In place of a folder of test masks: none. */
export const NO_MASKS = "none";

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

type Answers = { -readonly [Name in keyof ConfigurationChoices]?: ConfigurationChoices[Name] };

/** Asks for what a configuration needs to be written. */
export class ConfigurationQuestions {
  /** The known answers and those of the user. */
  readonly answers: Answers;
  /** The workspace's folders of images, once a question has needed them. */
  private found: Promise<readonly OfferedFolder[]> | undefined;
  private readonly folderChoices = new Map<string, Promise<Choice<string>>>();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly known: Partial<ConfigurationChoices>,
  ) {
    this.answers = { ...known };
  }

  /** Asks the questions whose answers are not known. Returns false if the user canceled. */
  ask(): Promise<boolean> {
    return askInOrder([
      this.step("trainFolder", (place) => this.trainFolder(place)),
      this.step("ndim", (place) => this.dimensions(place)),
      this.step("workflow", (place) => this.workflow(place)),
      this.step("architecture", (place) => this.architecture(place)),
      this.step("trainMasks", (place) => this.trainMasks(place)),
      this.step("testFolder", (place) => this.testFolder(place)),
      this.step("testMasks", (place) => this.testMasks(place)),
    ]);
  }

  /** Returns the step that asks for an answer, unless it is known, and keeps it. */
  private step<Name extends keyof Answers>(
    name: Name,
    ask: (place: StepPlace) => Promise<Answers[Name] | "back" | "skipped">,
  ): Step {
    return async (place) => {
      if (this.known[name] !== undefined) return "skipped";
      const answer = await ask(place);
      if (answer === "skipped") return "skipped";
      return kept(answer, (value) => {
        this.answers[name] = value;
      });
    };
  }

  private async trainFolder(place: StepPlace) {
    const proposed = this.answers.trainFolder;
    return askFolder("Which images to train on?", place, this.folders("images", proposed), proposed);
  }

  private async dimensions(place: StepPlace) {
    const choices: readonly Choice<2 | 3>[] = [
      { label: "2D", description: "planes: y, x", value: 2 },
      { label: "3D", description: "stacks: z, y, x", value: 3 },
    ];
    const { ndim, trainFolder } = this.answers;
    const proposed = ndim ?? (await dimensionsOf(this.context, trainFolder));
    return ask({ ...place, placeholder: "What are your images?", choices, proposed });
  }

  private async workflow(place: StepPlace) {
    const placeholder = "What do you have, and what should the model do?";
    return ask({ ...place, placeholder, choices: GOALS, proposed: this.answers.workflow });
  }

  private async architecture(place: StepPlace) {
    const { workflow = "masking", ndim = 2, architecture } = this.answers;
    const names = architecturesFor(workflow, ndim);
    if (names.length === 1) {
      this.answers.architecture = names[0];
      return "skipped";
    }
    const choices = names.map((value) => ({ label: value, value }));
    return ask({ ...place, placeholder: "Which network?", choices, proposed: architecture });
  }

  private async trainMasks(place: StepPlace) {
    const { workflow, trainFolder, trainMasks } = this.answers;
    if (workflow !== "segmentation") return "skipped";
    const proposed = trainMasks ?? masksBeside(trainFolder, await this.workspaceFolders());
    const choices = this.folders("masks", proposed);
    return askFolder("Which masks go with the training images?", place, choices, proposed);
  }

  private async testFolder(place: StepPlace) {
    const { trainFolder, testFolder } = this.answers;
    const proposed = testFolder ?? testBeside(trainFolder, await this.workspaceFolders());
    return askFolder("Which images to test on?", place, this.folders("images", proposed), proposed);
  }

  private async testMasks(place: StepPlace) {
    const { workflow, testFolder, testMasks } = this.answers;
    if (workflow !== "segmentation") return "skipped";
    const proposed = testMasks ?? masksBeside(testFolder, await this.workspaceFolders());
    const without = { label: "$(circle-slash) No Masks", description: "predict only", value: NO_MASKS };
    const choices = this.folders("masks", proposed).then((offered) => [...offered, without]);
    return askFolder("Which masks go with the test images?", place, choices, proposed);
  }

  private workspaceFolders(): Promise<readonly OfferedFolder[]> {
    this.found ??= workspaceFolders(this.context);
    return this.found;
  }

  /** Returns the folders to choose from, each described once. */
  private async folders(of: "images" | "masks", proposed?: string): Promise<Choice<string>[]> {
    return Promise.all(
      folderOffers(await this.workspaceFolders(), of, proposed).map((folder) => {
        const choice = this.folderChoices.get(folder.path) ?? folderChoice(this.context, folder);
        this.folderChoices.set(folder.path, choice);
        return choice;
      }),
    );
  }
}

const TITLE = "BiaPy: New Configuration";

const ask = <T>(question: Omit<Question<T>, "title">) => choose({ ...question, title: TITLE });

async function askFolder(
  placeholder: string,
  place: StepPlace,
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
