/** The command line's arguments that name a run. */

export interface RunNames {
  readonly configFile: string;
  readonly resultDirectory: string;
  /** Name of the job. */
  readonly name: string;
  readonly runId: number;
}

/** Returns the arguments that name a run, as BiaPy and the embedded engine accept them. */
export function runArguments({ configFile, resultDirectory, name, runId }: RunNames): string[] {
  return [
    ...["--config", configFile],
    ...["--result_dir", resultDirectory],
    ...["--name", name],
    ...["--run_id", String(runId)],
  ];
}
