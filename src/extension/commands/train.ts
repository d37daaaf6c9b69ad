/** Starting a training: run, in a terminal, resume. */
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { commandLine, forTerminal, shortCommandLine } from "../../runs/command-line.ts";
import type { RunCommand, RunOrder } from "../../runs/record.ts";
import { StartError } from "../../runs/start-run.ts";
import { configurationFile } from "../workspace/configuration-file.ts";
import { mayTouch } from "../workspace/network-access.ts";
import { mayRun } from "../workspace/trust.ts";
import { pickRun } from "./pick-run.ts";
import { isAvailable, planRun, planTitle, type RunPlan, type RunWishes } from "./plan-run.ts";
import type { Services } from "./services.ts";

/** How a training is started. */
export interface TrainOptions extends RunWishes {
  /** Whether the command is shown before it runs. Defaults to the setting `biapy.run.confirmCommand`. */
  readonly confirm?: boolean;
}

/** BiaPy: Run Training. Returns the run's identity, or nothing if it was not started. */
export async function runTraining(
  services: Services,
  clicked?: unknown,
  options: TrainOptions = {},
): Promise<string | undefined> {
  if (!(await mayRun())) return undefined;
  const config = await configurationFile(clicked);
  const plan = config && (await planRun(config, services, options));
  return plan && start(services, plan, options.confirm);
}

async function start(services: Services, plan: RunPlan, confirm?: boolean): Promise<string | undefined> {
  const command = await plan.engine.command(plan.order);
  const settings = vscode.workspace.getConfiguration("biapy.run");
  if ((confirm ?? settings.get("confirmCommand", false)) && !(await confirmCommand(command, plan)))
    return undefined;
  services.output.info(`${planTitle(plan)}: ${commandLine(command)}`);
  try {
    const run = await services.runs.start(plan.order, plan.engine, command, { queued: true });
    if (settings.get("openPanel", true)) services.panel.show(run.summary.id);
    return run.summary.id;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    void tellStartError(error);
    return undefined;
  }
}

async function tellStartError({ message, setting }: StartError): Promise<void> {
  const change = "Change the Setting";
  const answer = await vscode.window.showErrorMessage(message, ...(setting === undefined ? [] : [change]));
  if (answer === change) await vscode.commands.executeCommand("workbench.action.openSettings", setting);
}

/** Shows the command, with choices to run it, run it in a terminal, copy it or read all of it. Returns whether to run it. */
async function confirmCommand(command: RunCommand, plan: RunPlan): Promise<boolean> {
  const run = { label: "$(play) Train", detail: shortCommandLine(command) };
  const always = {
    label: "$(check) Train and Do Not Ask Again",
    description: "turns off the setting biapy.run.confirmCommand",
  };
  const whole = { label: "$(eye) Show the Whole Command" };
  const copy = { label: "$(copy) Copy the Command" };
  const terminal = { label: "$(terminal) Run in a Terminal" };
  const answer = await vscode.window.showQuickPick([run, always, whole, copy, terminal], {
    title: `Train ${planTitle(plan)}`,
    placeHolder: `In ${plan.order.workingDirectory}`,
    ignoreFocusOut: true,
  });
  if (answer === copy) await copyCommand(command);
  if (answer === terminal) await openInTerminal(command, plan);
  if (answer === whole) return confirmWholeCommand(command, plan);
  if (answer === always)
    await vscode.workspace
      .getConfiguration("biapy.run")
      .update("confirmCommand", false, vscode.ConfigurationTarget.Global);
  return answer === run || answer === always;
}

/** Shows the command in a dialog, which wraps long lines; a list does not. */
async function confirmWholeCommand(command: RunCommand, plan: RunPlan): Promise<boolean> {
  const [train, copy] = ["Train", "Copy"];
  const options = { modal: true, detail: commandLine(forTerminal(command)) };
  const answer = await vscode.window.showInformationMessage(`Train ${planTitle(plan)}`, options, train, copy);
  if (answer === copy) await copyCommand(command);
  return answer === train;
}

async function copyCommand(command: RunCommand): Promise<void> {
  await vscode.env.clipboard.writeText(commandLine(forTerminal(command)));
  void vscode.window.setStatusBarMessage("$(copy) Training command copied.", 4000);
}

/** Runs the command without a shell, in a terminal that stays open afterwards. */
async function openInTerminal(command: RunCommand, plan: RunPlan): Promise<void> {
  const { command: program, args, cwd, env } = forTerminal(command);
  const execution = new vscode.ProcessExecution(program, [...args], { cwd, env });
  const definition = { type: "process" };
  const task = new vscode.Task(
    definition,
    vscode.TaskScope.Workspace,
    planTitle(plan),
    "BiaPy",
    execution,
    "$biapy",
  );
  await vscode.tasks.executeTask(task);
}

/** BiaPy: Copy Training Command. */
export async function copyTrainingCommand(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  const plan = config && (await planRun(config, services));
  if (plan !== undefined) await copyCommand(await plan.engine.command(plan.order));
}

/** BiaPy: Run Training in a Terminal. */
export async function trainInTerminal(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  const plan = config && (await planRun(config, services));
  if (plan !== undefined) await openInTerminal(await plan.engine.command(plan.order), plan);
}

/** BiaPy: Resume Training. */
export async function resumeTraining(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const run = await pickRun(services.runs, clicked, {
    title: "Resume which run?",
    none: "No run has a checkpoint to resume from.",
    among: ({ summary }) => summary.resumable,
  });
  if (run === undefined) return;
  const engine = services.engines.find(({ id }) => id === run.summary.engine);
  if (engine === undefined || !(await isAvailable(engine)) || !(await canResumeFrom(run.order))) return;
  await start(services, { engine, order: { ...run.order, resume: true } }, false);
}

/** Shows which files named in a run's record are missing: the record may come from another computer. */
async function canResumeFrom({ configFile, workingDirectory, resultDirectory }: RunOrder): Promise<boolean> {
  for (const path of [configFile, workingDirectory]) {
    const isThere = (await mayTouch(path, [resultDirectory])) && existsSync(path);
    if (isThere) continue;
    void vscode.window.showErrorMessage(
      `This run cannot be resumed: ${path}, which its record names, is not there. Run its configuration again instead.`,
    );
    return false;
  }
  const outside = [configFile, workingDirectory].filter(
    (path) => vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path)) === undefined,
  );
  if (outside.length === 0) return true;
  const resume = "Resume";
  const detail = `Its record names ${outside.join(" and ")}, outside the open folders.`;
  const message = "Resume this run with files from elsewhere?";
  return (await vscode.window.showWarningMessage(message, { modal: true, detail }, resume)) === resume;
}
