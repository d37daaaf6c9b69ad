/** Plans a run from a configuration: engine, name, number and result folder. */
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import * as vscode from "vscode";
import { checkConfig, checkName } from "../../config/checks.ts";
import { furtherProblems, loadConfig } from "../../config/config.ts";
import { resultTree, runExists } from "../../facts/result-tree.ts";
import { runName } from "../../facts/run-titles.ts";
import { jobName } from "../../runs/job-name.ts";
import type { RunOrder } from "../../runs/record.ts";
import { freeRunId } from "../../runs/start-run.ts";
import type { Engine } from "../engines/engine.ts";
import { selectedEngine } from "../engines/index.ts";
import { imageChecks } from "../language/load-image-checks.ts";
import { runCommand } from "../workspace/commands.ts";
import { workingDirectory } from "../workspace/configuration-file.ts";
import { gpuSetting, resultFolder } from "../workspace/run-settings.ts";
import type { Services } from "./services.ts";

/** Values of a task or a debug configuration; the settings provide the rest. */
export interface RunWishes {
  readonly resultDir?: string;
  readonly name?: string;
  readonly runId?: number;
  readonly resume?: boolean;
}

/** A run that can be started, and its engine. */
export interface RunPlan {
  readonly order: RunOrder;
  readonly engine: Engine;
}

/** Returns a run's name for messages. */
export const planTitle = ({ order }: RunPlan) => runName(order);

/**
 * Plans a run with the selected engine. Returns undefined if the engine is missing or the configuration has errors, after telling the
 * user, or if the user cancels.
 */
export async function planRun(
  config: vscode.Uri,
  { engines, context }: Pick<Services, "engines" | "context">,
  wishes: RunWishes = {},
): Promise<RunPlan | undefined> {
  const engine = selectedEngine(engines);
  if (!(await isAvailable(engine))) return undefined;
  const directory = workingDirectory(config);
  if (engine.id === "embedded" && !(await isSound(context, config, directory))) return undefined;
  const resultDirectory = resultFolder(config, wishes.resultDir);
  const name = wishes.name ?? jobName(config.fsPath);
  if (!(await mayCreate(resultDirectory))) return undefined;
  const wrongName = checkName(name);
  if (wrongName !== undefined) {
    void vscode.window.showErrorMessage(wrongName.message);
    return undefined;
  }
  const resume = wishes.resume ?? false;
  const runId = await chooseRunId(resultDirectory, name, resume, wishes.runId);
  if (runId === undefined) return undefined;
  const order: RunOrder = {
    configFile: config.fsPath,
    resultDirectory,
    name,
    runId,
    resume,
    gpu: gpuSetting(config),
    workingDirectory: directory,
  };
  return { order, engine };
}

/** Whether an engine can train. If not, shows what it lacks. */
export async function isAvailable(engine: Engine): Promise<boolean> {
  const found = await engine.detect();
  if (found.available) return true;
  const select = "Select Engine";
  const message = `${engine.label}: ${found.reason} ${found.fix}`;
  if ((await vscode.window.showErrorMessage(message, select)) === select)
    await runCommand("biapy.selectEngine");
  return false;
}

/**
 * Asks before a result folder is created whose parent is missing too: a drive may not be mounted, and a folder created in its
 * place would fill another disk.
 */
async function mayCreate(resultDirectory: string): Promise<boolean> {
  if (existsSync(resultDirectory) || existsSync(dirname(resultDirectory))) return true;
  const create = "Create Folder";
  const change = "Change the Setting";
  const detail = "If it is on a drive that is not connected, connect the drive first.";
  const message = `The result folder ${resultDirectory} does not exist.`;
  const answer = await vscode.window.showWarningMessage(message, { modal: true, detail }, create, change);
  if (answer === change)
    await vscode.commands.executeCommand("workbench.action.openSettings", "biapy.run.resultFolder");
  return answer === create;
}

/** Whether the command line would accept a configuration and its images. If not, shows the first error. */
async function isSound(
  context: vscode.ExtensionContext,
  config: vscode.Uri,
  folder: string,
): Promise<boolean> {
  const loaded = loadConfig(config.fsPath);
  const readable = loaded.config.document.entries.length > 0;
  const compared = readable ? checkConfig(loaded.config, folder) : [];
  const found = [...loaded.problems, ...furtherProblems(loaded.problems, compared)];
  const sound = readable && !found.some(({ severity }) => severity === "error");
  const images = sound
    ? await imageChecks(context).check(config.fsPath, readFileSync(config.fsPath, "utf8"), folder, true)
    : [];
  const [first, ...more] = [...found, ...images].filter(({ severity }) => severity === "error");
  if (first === undefined) return true;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  const show = "Show";
  const answer = await vscode.window.showErrorMessage(`${first.message}${others}`, show);
  if (answer === show) await showLine(config, first.line, first.column);
  return false;
}

/** Opens a file at a line and column, both counted from 1. */
async function showLine(uri: vscode.Uri, line = 1, column = 1): Promise<void> {
  const at = new vscode.Position(line - 1, column - 1);
  await vscode.window.showTextDocument(uri, { selection: new vscode.Range(at, at) });
}

async function chooseRunId(
  resultDirectory: string,
  name: string,
  resume: boolean,
  wished: number | undefined,
): Promise<number | undefined> {
  const free = freeRunId(resultDirectory, name);
  if (wished === undefined) return resume ? Math.max(1, free - 1) : free;
  if (resume || !runExists(resultTree(resultDirectory, name, wished))) return wished;
  const overwrite = `Overwrite Run ${wished}`;
  const keep = `Train as Run ${free}`;
  const message = `Run ${wished} of ${name} exists already.`;
  const detail = "Its checkpoints and images are lost when it is overwritten.";
  const answer = await vscode.window.showWarningMessage(message, { modal: true, detail }, keep, overwrite);
  if (answer === overwrite) return wished;
  return answer === keep ? free : undefined;
}
