/** What an engine is to the extension: something that is there or not, and a command that trains. */

import type * as vscode from "vscode";
import type { Program, RunCommand, RunOrder } from "../../runs/record.ts";

export type Availability = { readonly available: true; readonly detail: string } | Unavailable;

/** `reason` says what is missing and `fix` what to do, both for people. */
export interface Unavailable {
  readonly available: false;
  readonly reason: string;
  readonly fix: string;
  /** A command that does what `fix` says, or leads there. */
  readonly remedy?: vscode.Command;
}

export interface Engine {
  /** `embedded`, `biapy`, …: the value of the setting `biapy.engine`. */
  readonly id: string;
  readonly label: string;
  /** One line about it. */
  readonly description: string;
  detect(): Promise<Availability>;
  /** The devices that a run holds, for which others wait: `cpu`, `gpu:0,1`, or `any` where the trainer chooses. */
  device(run: RunOrder): string;
  command(run: RunOrder): Promise<RunCommand>;
  /** Whether `resume` would go on with a run that has ended before its time. */
  canResume(run: RunOrder): boolean;
  /** What has to be installed before `debug` can work; nothing where all is there. */
  debugRequirement?(): Promise<Requirement | undefined>;
  /** The command with a debugger waiting on `port` of this machine, and the debug session that attaches to it. */
  debug?(run: RunOrder, port: number): Promise<DebugCommand>;
}

/**
 * Type of the debug sessions that attach to debugpy: our own, as that of Microsoft's Python Debugger is there only where a
 * person has installed it.
 */
export const PYTHON_SESSION = "biapy-python";

/** Something that is missing and can be installed. */
export interface Requirement {
  readonly name: string;
  /** Where it is missing, and what for, for people. */
  readonly missing: string;
  /** What installs it. */
  readonly install: Program;
}

export interface DebugCommand extends RunCommand {
  /** A debug configuration of type `node` or `PYTHON_SESSION` with request `attach`. */
  readonly session: Readonly<Record<string, unknown>> & { readonly type: string };
}
