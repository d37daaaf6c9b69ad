/** Runs BiaPy's own command on a configuration, and waits for its end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import { biapy } from "../support/command.ts";
import { python } from "./python.ts";

/** A configuration, and the name of the job that it makes. */
export interface Job {
  readonly name: string;
  readonly text: string;
}

/** Trains and tests by jobs in a folder, one after the other. Returns where their results lie. */
export type Runner = (folder: string, jobs: readonly Job[]) => Promise<ResultTree[]>;

async function written(folder: string, { name, text }: Job): Promise<string> {
  const configFile = join(folder, `${name}.yaml`);
  await writeFile(configFile, text);
  return configFile;
}

/** By BiaPy; starting it takes longer than training a small network, so that one process runs all jobs. */
export const byBiapy: Runner = async (folder, jobs) => {
  const orders = await Promise.all(jobs.map(async (job) => [await written(folder, job), folder, job.name]));
  const script = join(import.meta.dirname, "biapy-runs.py");
  const output = { encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  const { status, stderr } = spawnSync(python, [script], { ...output, input: JSON.stringify(orders) });
  assert.equal(status, 0, stderr);
  return jobs.map(({ name }) => resultTree(folder, name, 1));
};

/** By the embedded engine. */
export const byOurs: Runner = async (folder, jobs) => {
  const trees: ResultTree[] = [];
  for (const job of jobs) {
    const config = await written(folder, job);
    const args = [
      "--config",
      config,
      "--result_dir",
      folder,
      "--name",
      job.name,
      "--run_id",
      "1",
      "--gpu",
      "",
    ];
    const result = await biapy(args);
    const said = result.events.filter(({ event }) => event === "problems" || event === "end");
    assert.equal(result.code, 0, JSON.stringify(said));
    trees.push(resultTree(folder, job.name, 1));
  }
  return trees;
};

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / values.length;
