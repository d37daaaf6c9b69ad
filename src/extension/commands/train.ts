/** Starting a training: run, debug, in a terminal, resume. */
import { createServer } from "node:net";
import * as vscode from "vscode";
import { commandLine, forTerminal } from "../../runs/command-line.ts";
import type { RunCommand } from "../../runs/record.ts";
import { StartError } from "../../runs/start-run.ts";
import type { Services } from "../services.ts";
import { configurationFile } from "./configuration-file.ts";
import { pickRun } from "./pick-run.ts";
import { isAvailable, planRun, type RunPlan, type RunWishes } from "./plan-run.ts";
import { mayRun } from "./trust.ts";

/** Whether the command is shown first is the settings' choice, unless it is made here. */
export interface TrainOptions extends RunWishes {
  readonly confirm?: boolean;
}

/** BiaPy: Run Training. Gives the run's identity, or nothing where it was not started. */
export async function runTraining(
  services: Services,
  clicked?: unknown,
  options: TrainOptions = {},
): Promise<string | undefined> {
  if (!(await mayRun())) return undefined;
  const config = await configurationFile(clicked);
  const plan = config && (await planRun(config, services.engines, options));
  return plan && start(services, plan, options.confirm);
}

async function start(services: Services, plan: RunPlan, confirm?: boolean): Promise<string | undefined> {
  const command = await plan.engine.command(plan.order);
  const settings = vscode.workspace.getConfiguration("biapy.run");
  if ((confirm ?? settings.get("confirmCommand", true)) && !(await confirmCommand(command, plan)))
    return undefined;
  services.output.info(`${title(plan)}: ${commandLine(command)}`);
  try {
    const run = await services.runs.start(plan.order, plan.engine, command, { queued: true });
    if (settings.get("openPanel", true)) services.panel.show(run.summary.id);
    return run.summary.id;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    void vscode.window.showErrorMessage(error.message);
    return undefined;
  }
}

const title = ({ order }: RunPlan) => `${order.name}, run ${order.runId}`;

/** Shows the exact command; a person runs it here, in a terminal, or copies it. */
async function confirmCommand(command: RunCommand, plan: RunPlan): Promise<boolean> {
  const line = commandLine(command);
  const run = { label: "$(play) Train", detail: line };
  const always = {
    label: "$(check) Train, and do not ask again",
    description: "setting biapy.run.confirmCommand",
  };
  const copy = { label: "$(copy) Copy the command" };
  const terminal = { label: "$(terminal) Run it in a terminal" };
  const answer = await vscode.window.showQuickPick([run, always, copy, terminal], {
    title: `Train ${title(plan)} in ${plan.order.workingDirectory}`,
    placeHolder: line,
    ignoreFocusOut: true,
  });
  if (answer === copy) await copyCommand(command);
  if (answer === terminal) await openInTerminal(command, plan);
  if (answer === always)
    await vscode.workspace
      .getConfiguration("biapy.run")
      .update("confirmCommand", false, vscode.ConfigurationTarget.Global);
  return answer === run || answer === always;
}

async function copyCommand(command: RunCommand): Promise<void> {
  await vscode.env.clipboard.writeText(commandLine(forTerminal(command)));
  void vscode.window.setStatusBarMessage("$(copy) The training command is copied.", 4000);
}

/** Runs the command itself, not a shell, in a terminal that stays open afterwards. */
async function openInTerminal(command: RunCommand, plan: RunPlan): Promise<void> {
  const { command: program, args, cwd, env } = forTerminal(command);
  const execution = new vscode.ProcessExecution(program, [...args], { cwd, env });
  const definition = { type: "process" };
  const task = new vscode.Task(
    definition,
    vscode.TaskScope.Workspace,
    title(plan),
    "BiaPy",
    execution,
    "$biapy",
  );
  await vscode.tasks.executeTask(task);
}

/** BiaPy: Copy Training Command. */
export async function copyTrainingCommand({ engines }: Services, clicked?: unknown): Promise<void> {
  const config = await configurationFile(clicked);
  const plan = config && (await planRun(config, engines));
  if (plan !== undefined) await copyCommand(await plan.engine.command(plan.order));
}

/** BiaPy: Run Training in a Terminal. */
export async function trainInTerminal({ engines }: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  const plan = config && (await planRun(config, engines));
  if (plan !== undefined) await openInTerminal(await plan.engine.command(plan.order), plan);
}

/** BiaPy: Resume Training. */
export async function resumeTraining(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const run = await pickRun(services.runs, clicked, {
    title: "Resume which run?",
    none: "No run has a checkpoint to go on from.",
    among: ({ summary }) => summary.resumable,
  });
  if (run === undefined) return;
  const engine = services.engines.find(({ id }) => id === run.summary.engine);
  if (engine === undefined || !(await isAvailable(engine))) return;
  await start(services, { engine, order: { ...run.order, resume: true } }, false);
}

/** BiaPy: Debug Training. */
export async function debugTraining(clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const folder = vscode.workspace.getWorkspaceFolder(config);
  if (vscode.debug.breakpoints.length === 0) void offerSource();
  await vscode.debug.startDebugging(folder, {
    type: "biapy",
    request: "launch",
    name: "Debug BiaPy training",
    config: config.fsPath,
  });
}

/** Without breakpoints a debugged training only stops when it is paused. */
async function offerSource(): Promise<void> {
  const open = "Open Trainer Source";
  const message = "There are no breakpoints: set some in the trainer's source, now or while it trains.";
  if ((await vscode.window.showInformationMessage(message, open)) === open)
    await vscode.commands.executeCommand("biapy.openTrainerSource");
}

/**
 * Starts a training that waits for a debugger, and gives the session that attaches to it. Its events are recorded as any
 * run's are.
 */
export async function startDebuggedRun(
  services: Services,
  config: vscode.Uri,
  wishes: RunWishes,
): Promise<{ readonly run: string; readonly session: vscode.DebugConfiguration } | undefined> {
  if (!(await mayRun())) return undefined;
  const file = await configurationFile(config);
  const plan = file && (await planRun(file, services.engines, wishes));
  if (plan === undefined) return undefined;
  const { order, engine } = plan;
  if (engine.debug === undefined) {
    void vscode.window.showErrorMessage(`${engine.label} cannot be debugged: select another engine.`);
    return undefined;
  }
  const { session, ...command } = await engine.debug(order, await freePort());
  services.output.info(`${title(plan)}: ${commandLine(command)}`);
  // It does not wait for other runs: a debugger gives up long before they end.
  const run = await services.runs.start(order, engine, command, { queued: false });
  services.panel.show(run.summary.id);
  return { run: run.summary.id, session: { name: `Debug ${title(plan)}`, request: "attach", ...session } };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
