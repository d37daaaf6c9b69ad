/** What an engine is to the extension: something that is there or not, and a command that trains. */

/** What is to be trained, and where its results go. */
export interface RunOrder {
  /** Absolute. */
  readonly configFile: string;
  /** Absolute. */
  readonly resultDirectory: string;
  readonly name: string;
  readonly runId: number;
  /** Go on where the run was stopped. */
  readonly resume: boolean;
  /** As BiaPy's `--gpu` takes it; empty for none. */
  readonly gpu: string;
  /** What the configuration's relative paths are relative to. */
  readonly workingDirectory: string;
}

/** How a process tells what it does on its standard output: our events as JSON Lines, or what BiaPy prints. */
export type OutputFormat = "events" | "biapy";

export interface EngineCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly output: OutputFormat;
}

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
  command(run: RunOrder): Promise<EngineCommand>;
  /** The command with a debugger waiting on `port` of this machine, and the debug session that attaches to it. */
  debug?(run: RunOrder, port: number): Promise<DebugCommand>;
}

export interface DebugCommand extends EngineCommand {
  /** A debug configuration of type `node` or `debugpy` with request `attach`. */
  readonly session: Readonly<Record<string, unknown>> & { readonly type: string };
}
