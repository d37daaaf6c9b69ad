/** What an engine is to the extension: something that is there or not, and a command that trains. */

import type { RunCommand, RunOrder } from "../../runs/record.ts";

export type { OutputFormat, RunCommand as EngineCommand, RunOrder } from "../../runs/record.ts";

export type Availability =
  | { readonly available: true; readonly detail: string }
  /** `reason` says what is missing and `fix` what to do, both for people. */
  | { readonly available: false; readonly reason: string; readonly fix: string };

export interface Engine {
  /** `embedded`, `biapy`, …: the value of the setting `biapy.engine`. */
  readonly id: string;
  readonly label: string;
  /** One line about it. */
  readonly description: string;
  detect(): Promise<Availability>;
  /** What computes, where runs wait for each other: `cpu`, `gpu:0`. */
  device(run: RunOrder): string;
  command(run: RunOrder): Promise<RunCommand>;
  /** Whether `resume` would go on with a run that has ended before its time. */
  canResume(run: RunOrder): boolean;
  /** The command with a debugger waiting on `port` of this machine, and the debug session that attaches to it. */
  debug?(run: RunOrder, port: number): Promise<DebugCommand>;
}

export interface DebugCommand extends RunCommand {
  /** A debug configuration of type `node` or `debugpy` with request `attach`. */
  readonly session: Readonly<Record<string, unknown>> & { readonly type: string };
}
