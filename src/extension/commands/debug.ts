/** Debugging a training: a run that waits for a debugger, and its place among the other runs of its device. */

import { createServer } from "node:net";
import { basename } from "node:path";
import * as vscode from "vscode";
import { listenOnFreePort } from "../../facts/lock/address.ts";
import { runName } from "../../facts/run-titles.ts";
import { commandLine } from "../../runs/command-line.ts";
import { runCommand } from "../workspace/commands.ts";
import { configurationFile } from "../workspace/configuration-file.ts";
import { mayRun } from "../workspace/trust.ts";
import { installRequirement } from "./install-requirement.ts";
import { planRun, planTitle, type RunPlan, type RunWishes } from "./plan-run.ts";
import type { Services } from "./services.ts";

/** BiaPy: Debug Training. */
export async function debugTraining(clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const folder = vscode.workspace.getWorkspaceFolder(config);
  await vscode.debug.startDebugging(folder, {
    type: "biapy",
    request: "launch",
    name: "Debug BiaPy training",
    config: config.fsPath,
  });
}

/** A started training that waits for its debugger. */
export interface DebuggedRun {
  /** The run's identity. */
  readonly run: string;
  /** The session that attaches to it. */
  readonly session: vscode.DebugConfiguration;
}

/**
 * Starts a training that waits for a debugger, as soon as its device is free. Its events are recorded as any run's are.
 * Returns undefined if it could not start, after telling the user, or if the user canceled.
 */
export async function startDebuggedRun(
  services: Services,
  config: vscode.Uri,
  wishes: RunWishes,
): Promise<DebuggedRun | undefined> {
  if (!(await mayRun())) return undefined;
  const file = await configurationFile(config);
  const plan = file && (await planRun(file, services, wishes));
  if (plan === undefined) return undefined;
  const { order, engine } = plan;
  if (engine.debug === undefined) {
    void vscode.window.showErrorMessage(`${engine.label} cannot be debugged: select another engine.`);
    return undefined;
  }
  const requirement = await engine.debugRequirement?.();
  if (requirement !== undefined && !(await installRequirement(requirement))) return undefined;
  const place = await choosePlace(services, plan);
  if (place === undefined) return undefined;
  const { session, ...command } = await engine.debug(order, await freePort());
  services.output.info(`${planTitle(plan)}: ${commandLine(command)}`);
  const queued = place !== "beside others";
  const { summary } = await services.runs.start(order, engine, command, { queued, debugged: true });
  services.panel.show(summary.id);
  // Debuggers soon give up if there is nothing to attach to.
  if (!(await hasItsTurn(services, summary.id, planTitle(plan), place === "after others"))) return undefined;
  if (engine.id === "embedded" && vscode.debug.breakpoints.length === 0) void offerSource();
  return { run: summary.id, session: { name: `Debug ${planTitle(plan)}`, request: "attach", ...session } };
}

/** Without breakpoints a debugged training only stops when it is paused. */
async function offerSource(): Promise<void> {
  const open = "Open Trainer Source";
  const message = "There are no breakpoints: set some in the trainer's source, now or while it trains.";
  if ((await vscode.window.showInformationMessage(message, open)) === open)
    await runCommand("biapy.openTrainerSource");
}

type Place = "first" | "after others" | "beside others";

/** If other runs are ahead, asks the user what to do. Returns undefined if the user cancels. */
async function choosePlace({ runs }: Services, { engine, order }: RunPlan): Promise<Place | undefined> {
  const before = await runs.before(engine.device(order));
  if (before.length === 0) return "first";
  const [first, ...more] = before.map((id) => {
    const summary = runs.find(id)?.summary;
    return summary === undefined ? basename(id) : runName(summary);
  });
  const message =
    more.length === 0
      ? `${first}, is training on this device.`
      : `${first}, and ${more.length} more train on this device or wait for it.`;
  const wait = "Wait";
  const stop = more.length === 0 ? "Stop It and Debug" : "Stop Them and Debug";
  const anyway = "Debug Now Anyway";
  const detail =
    "Two trainings at once slow each other down and may need more memory than there is. One that is stopped writes a checkpoint and can be resumed.";
  const answer = await vscode.window.showWarningMessage(message, { modal: true, detail }, wait, stop, anyway);
  if (answer === anyway) return "beside others";
  if (answer === stop) await runs.stopBefore(engine.device(order));
  return answer === undefined ? undefined : "after others";
}

/** Waits until a run starts; if others are ahead, shows a notification with Cancel. Returns whether it has started. */
async function hasItsTurn(
  services: Services,
  run: string,
  name: string,
  afterOthers: boolean,
): Promise<boolean> {
  const started = untilStarted(services, run);
  if (afterOthers) {
    const location = vscode.ProgressLocation.Notification;
    const options = { location, title: `${name}, is debugged when its turn comes`, cancellable: true };
    await vscode.window.withProgress(options, (_progress, canceled) => {
      canceled.onCancellationRequested(() => services.runs.stop(run));
      return started;
    });
  }
  return started;
}

/** Resolves when the run no longer waits, with whether it runs. */
function untilStarted({ runs }: Services, run: string): Promise<boolean> {
  return new Promise((resolve) => {
    const look = () => {
      const status = runs.find(run)?.summary.status;
      if (status === "queued") return;
      changes.dispose();
      resolve(status === "running");
    };
    const changes = runs.onDidChangeRuns(look);
    look();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnFreePort(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
