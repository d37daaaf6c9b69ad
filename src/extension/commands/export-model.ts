/** BiaPy: Export Model…: a package for the BioImage Model Zoo of a run or a checkpoint (`biapy --export_model`). */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { type Config, loadConfig } from "../../config/config.ts";
import { type Settings, withSettings } from "../../config/with-settings.ts";
import { writeFileAtomically } from "../../facts/files/write-file.ts";
import { resultTree } from "../../facts/result-tree.ts";
import { freePath } from "../workspace/free-path.ts";
import { mayRun } from "../workspace/trust.ts";
import { chooseModel, type Model } from "./apply-model.ts";
import { runTool } from "./device-tools.ts";
import type { Services } from "./services.ts";

const TITLE = "Export Model";

/** @param clicked a run or checkpoint of the results browser, or a run's identity */
export async function exportModelPackage(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const model = await chooseModel(services, clicked, "Export which model?");
  if (model === undefined) return;
  const text = await readFile(model.configuration, "utf8");
  const settings = await described(model, loadConfig(model.configuration, text).config);
  const folder = settings && (await chooseFolder());
  if (settings === undefined || folder === undefined) return;
  const work = await mkdtemp(join(tmpdir(), "biapy-export-"));
  try {
    const configFile = join(work, "export.yaml");
    await writeFile(configFile, withSettings(text, settings));
    const args = [
      ...["--config", configFile, "--result_dir", work, "--name", "export"],
      ...["--export_model", model.checkpoint],
    ];
    const done = await withProgress(model, (canceled) =>
      run(services, args, model.workingDirectory, canceled),
    );
    if (done) await tellDone(await delivered(resultTree(work, "export", 1).zooPackages, folder), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const key = <Name extends string>(name: Name) => `MODEL.BMZ.EXPORT.${name}` as const;

/** Asks for the model's missing description. Undefined if the user cancels. */
async function described(model: Model, config: Config): Promise<Settings | undefined> {
  const settings: Record<string, Settings[string]> = { [key("ENABLE")]: "False" };
  const ask = async (prompt: string, value = "", validate = nonEmpty) =>
    vscode.window.showInputBox({
      title: `BiaPy: ${TITLE}`,
      prompt,
      value,
      ignoreFocusOut: true,
      validateInput: validate,
    });
  if (config.text(key("MODEL_NAME")) === "") {
    const name = await ask("Name of the model in the Zoo", model.name.replaceAll("_", " "), validName);
    if (name === undefined) return undefined;
    settings[key("MODEL_NAME")] = name;
  }
  if (config.text(key("DESCRIPTION")) === "") {
    const description = await ask("What the model does, in a sentence or two");
    if (description === undefined) return undefined;
    settings[key("DESCRIPTION")] = description;
  }
  if (isEmpty(config.value(key("AUTHORS")))) {
    const name = await ask("Name of the author");
    const github = name && (await ask(`GitHub user name of ${name}`));
    if (!name || !github) return undefined;
    settings[key("AUTHORS")] = [{ name, github_user: github }];
  }
  if (isEmpty(config.value(key("TAGS")))) {
    const tags = await ask("Keywords, separated by commas: what is seen, and by which microscope");
    if (tags === undefined) return undefined;
    settings[key("TAGS")] = tags
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== "");
  }
  return settings;
}

const isEmpty = (value: unknown) => !Array.isArray(value) || value.length === 0;
const nonEmpty = (text: string): string | undefined => (text.trim() === "" ? "Enter a text." : undefined);
const validName = (text: string): string | undefined =>
  /^[\w+\-() ]{5,128}$/.test(text) ? undefined : "Use 5 to 128 letters, digits, spaces and _ - + ( ).";

async function chooseFolder(): Promise<string | undefined> {
  const [open] = vscode.workspace.workspaceFolders ?? [];
  const picked = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    defaultUri: open?.uri,
    title: "Folder for the package",
    openLabel: "Export",
  });
  return picked?.[0]?.fsPath;
}

function withProgress(
  { title }: Model,
  work: (canceled: vscode.CancellationToken) => Promise<boolean>,
): Thenable<boolean> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress(
    { location, title: `Exporting ${title}`, cancellable: true },
    (_, canceled) => work(canceled),
  );
}

/** Runs the command line. Returns whether it finished; throws if it failed. */
async function run(
  { context, output }: Services,
  args: readonly string[],
  cwd: string,
  canceled: vscode.CancellationToken,
): Promise<boolean> {
  const printed: string[] = [];
  const code = await runTool(
    context,
    args,
    (line) => {
      printed.push(line);
      output.info(line);
    },
    { canceled, cwd, errors: (line) => printed.push(line) },
  );
  if (canceled.isCancellationRequested) return false;
  if (code !== 0) throw new Error(`The model could not be exported: ${printed.slice(-3).join("\n")}`);
  return true;
}

/** Moves packages into a folder and renames them if their names are taken. Returns their paths. */
async function delivered(packages: string, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const name of (await readdir(packages)).filter((each) => each.endsWith(".zip"))) {
    const path = freePath(join(folder, basename(name, ".zip")), ".zip");
    await writeFileAtomically(path, await readFile(join(packages, name)));
    paths.push(path);
  }
  return paths;
}

async function tellDone(paths: readonly string[], folder: string): Promise<void> {
  const reveal = "Reveal in File Manager";
  const names = paths.map((path) => basename(path)).join(" and ");
  const answer = await vscode.window.showInformationMessage(`${names}: exported to ${folder}.`, reveal);
  const [first] = paths;
  if (answer === reveal && first !== undefined)
    await vscode.commands.executeCommand("revealFileInOS", vscode.Uri.file(first));
}
