/** Runs BiaPy's own command on a configuration, and waits for its end. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { pythonCommand } from "../../src/engines/biapy-command.ts";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import { biapy, problemsOf } from "../workflow/command.ts";

export const python = process.env.BIAPY_PYTHON ?? "";
export const skip = python === "" ? "BIAPY_PYTHON is not set" : false;

/** A configuration that is run in a folder. Returns where its results lie. */
export type Runner = (folder: string, name: string, configuration: string) => Promise<ResultTree>;

async function written(folder: string, name: string, configuration: string): Promise<string> {
  const configFile = join(folder, `${name}.yaml`);
  await writeFile(configFile, configuration);
  return configFile;
}

/** Trains and tests by BiaPy. */
export const byBiapy: Runner = async (folder, name, configuration) => {
  const configFile = await written(folder, name, configuration);
  const where = { python, scripts: dirname(python) };
  const job = { configFile, resultDirectory: folder, name, runId: 1, gpu: "" };
  const { command, args } = pythonCommand(where, job);
  await promisify(execFile)(command, args, { maxBuffer: 2 ** 28 });
  return resultTree(folder, name, 1);
};

/** Trains and tests by the embedded engine. */
export const byOurs: Runner = async (folder, name, configuration) => {
  const config = await written(folder, name, configuration);
  const result = await biapy([
    "--config",
    config,
    "--result_dir",
    folder,
    "--name",
    name,
    "--run_id",
    "1",
    "--gpu",
    "",
  ]);
  assert.equal(result.code, 0, JSON.stringify(problemsOf(result)));
  return resultTree(folder, name, 1);
};

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / values.length;
