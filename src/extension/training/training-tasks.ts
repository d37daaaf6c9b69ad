/** Tasks of type `biapy`: a training whose events are shown as text in a terminal. Ctrl+C stops it. */

import { resolve } from "node:path";
import { Writable } from "node:stream";
import * as v from "valibot";
import * as vscode from "vscode";
import { errorMessage } from "../../facts/errors.ts";
import { EXIT } from "../../facts/exit-codes.ts";
import type { RunStatus } from "../../facts/run-status.ts";
import type { Services } from "../commands/services.ts";
import { configurationsInWorkspace, workingDirectory } from "../workspace/configuration-file.ts";
import { checkedDefinition, runNumber } from "./checked-definition.ts";
import { followRun } from "./follow-run.ts";

/** A task of type `biapy`; package.json describes its keys. */
const taskDefinition = v.object({
  config: v.string(),
  resultDir: v.optional(v.string()),
  name: v.optional(v.string()),
  runId: v.optional(runNumber),
  resume: v.optional(v.boolean()),
});

/** Registers the tasks: one for each configuration of the workspace, and those of `tasks.json`. */
export function registerTasks(services: Services): vscode.Disposable {
  const taskOf = (definition: vscode.TaskDefinition, scope: vscode.Task["scope"], name: string) => {
    const execution = new vscode.CustomExecution(
      async (resolved) => new TrainingTerminal(services, resolved, scope),
    );
    const task = new vscode.Task(
      definition,
      scope ?? vscode.TaskScope.Workspace,
      name,
      "BiaPy",
      execution,
      "$biapy",
    );
    task.group = vscode.TaskGroup.Build;
    task.presentationOptions = { clear: true };
    return task;
  };
  return vscode.tasks.registerTaskProvider("biapy", {
    async provideTasks() {
      const configurations = await configurationsInWorkspace();
      return configurations.map((uri) => {
        const config = vscode.workspace.asRelativePath(uri, false);
        const scope = vscode.workspace.getWorkspaceFolder(uri);
        return taskOf({ type: "biapy", config }, scope, `train ${config}`);
      });
    },
    resolveTask: ({ definition, scope, name }) => taskOf(definition, scope, name),
  });
}

/** Returns a task's configuration; relative paths are resolved against the task's folder, or else the first open one. */
function configurationUri(config: string, scope: vscode.Task["scope"]): vscode.Uri {
  const [first] = vscode.workspace.workspaceFolders ?? [];
  const folder = typeof scope === "object" ? scope : first;
  return vscode.Uri.file(resolve(folder?.uri.fsPath ?? ".", config));
}

const INTERRUPT = "\u0003";

/** Returns the exit code of the command for how a run ended. */
function exitOf(status: RunStatus | undefined): number {
  if (status === "finished") return EXIT.done;
  return status === "stopped" ? EXIT.stopped : EXIT.failed;
}

/** Shows a run's events as the command line does. */
class TrainingTerminal implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<number>();
  private readonly subscriptions: vscode.Disposable[] = [];
  private run: string | undefined;
  private ended = false;
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.closed.event;

  constructor(
    private readonly services: Services,
    private readonly definition: vscode.TaskDefinition,
    private readonly scope: vscode.Task["scope"],
  ) {}

  open(): void {
    void this.train().catch((error: unknown) => {
      this.write(`${errorMessage(error)}\n`);
      this.end(EXIT.failed);
    });
  }

  /** The run continues if its terminal is closed; Ctrl+C stops it. */
  close(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  handleInput(data: string): void {
    if (data === INTERRUPT && this.run !== undefined) void this.services.runs.stop(this.run);
  }

  private async train(): Promise<void> {
    const [{ consoleReporter }, { runTraining }] = await Promise.all([
      import("../../results/reporters.ts"),
      import("../commands/train.ts"),
    ]);
    const { runs } = this.services;
    const { config, ...wishes } = checkedDefinition(taskDefinition, this.definition, "tasks.json");
    const uri = configurationUri(config, this.scope);
    const report = consoleReporter(
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          this.write(chunk.toString());
          done();
        },
      }),
    );
    this.write(`Training ${uri.fsPath} in ${workingDirectory(uri)}\n`);
    const run = await runTraining(this.services, uri, { ...wishes, confirm: false });
    if (run === undefined) {
      this.write("It was not started.\n");
      this.end(EXIT.badInput);
      return;
    }
    this.run = run;
    const following = followRun(runs, run, (event) => {
      report(event);
      if (event.event === "end") this.end(exitOf(event.status));
    });
    this.subscriptions.push(
      { dispose: () => following.stop() },
      // A run whose process was killed has no end event.
      runs.onDidEndRun(({ summary: { id, status } }) => {
        if (id === run) void following.told.then(() => this.end(exitOf(status)));
      }),
    );
    await following.told;
    const known = runs.find(run);
    if (known?.live?.isActive !== true) this.end(exitOf(known?.summary.status));
  }

  /** Ends the task with an exit code; the first one counts. */
  private end(code: number): void {
    if (this.ended) return;
    this.ended = true;
    this.closed.fire(code);
  }

  private write(text: string): void {
    this.written.fire(text.replaceAll("\n", "\r\n"));
  }
}
