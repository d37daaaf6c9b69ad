/** An engine as the extension sees it: whether it is available, and the command that trains. */

import type * as vscode from "vscode";
import type { Program, RunCommand, RunOrder } from "../../runs/record.ts";

/** Whether an engine can train. `detail` names what it uses: versions and paths. */
export type Availability = { readonly available: true; readonly detail: string } | Unavailable;

/** `reason` says what is missing and `fix` what to do, as text for the user. */
export interface Unavailable {
  readonly available: false;
  readonly reason: string;
  readonly fix: string;
  /** A command that does what `fix` says, or a step toward it. */
  readonly remedy?: vscode.Command;
}

/** A way to train. Its methods throw errors whose message is for the user. */
export interface Engine {
  /** `embedded`, `biapy`, …: the value of the setting `biapy.engine`. */
  readonly id: string;
  readonly label: string;
  /** A description in one line. */
  readonly description: string;
  detect(): Promise<Availability>;
  /** The devices that a run occupies in the queue: `cpu`, `gpu:0,1`, or `any` if the trainer chooses. */
  device(run: RunOrder): string;
  command(run: RunOrder): Promise<RunCommand>;
  /** Whether a run that ended early can be resumed. */
  canResume(run: RunOrder): boolean;
  /** What must be installed before `debug` works; nothing if everything is there. */
  debugRequirement?(): Promise<Requirement | undefined>;
  /** The command with a debugger waiting on `port` of this machine, and the debug session that attaches to it. */
  debug?(run: RunOrder, port: number): Promise<DebugCommand>;
}

/**
 * Type of the debug sessions that attach to debugpy. It is our own: Microsoft's Python Debugger exists only where the user has
 * installed it.
 */
export const PYTHON_SESSION = "biapy-python";

/** Something missing that can be installed. */
export interface Requirement {
  readonly name: string;
  /** Where it is missing and what it is needed for, as text for the user. */
  readonly missing: string;
  /** The command that installs it. */
  readonly install: Program;
}

/** A command that waits for a debugger. */
export interface DebugCommand extends RunCommand {
  /** A debug configuration of type `node` or `PYTHON_SESSION` with request `attach`. */
  readonly session: Readonly<Record<string, unknown>> & { readonly type: string };
}
