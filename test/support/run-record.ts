import { join } from "node:path";
import { newAddress } from "../../src/facts/lock/address.ts";
import type { RunRecord } from "../../src/runs/record.ts";

/** Returns the record of a run that was ordered in a folder and whose command never runs. */
export function runRecord(
  folder: string,
  place: Pick<RunRecord["order"], "resultDirectory" | "name" | "runId">,
): RunRecord {
  return {
    order: {
      ...place,
      configFile: join(folder, "job.yaml"),
      resume: false,
      gpu: "",
      workingDirectory: folder,
    },
    engine: "embedded",
    queue: join(folder, "queue"),
    command: { command: "never-run", args: [], cwd: folder, output: "events" },
    stopSeconds: 1,
    created: 1,
    address: newAddress(),
  };
}
