/** A batch script that trains on one or several machines of a SLURM cluster. */
import { BIAPY_VERSION } from "../facts/biapy-version.ts";
import { quoted } from "../facts/shell-words.ts";
import { condaEnvironment, jobNameArgument, partitionName, timeLimit, wholeNumber } from "./arguments.ts";

export interface SlurmJob {
  /** A path on the cluster. */
  readonly configFile: string;
  readonly resultDirectory: string;
  readonly name: string;
  readonly runId: number;
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly cpusPerNode: number;
  /** `24:00:00` */
  readonly time: string;
  readonly partition?: string;
  /** The conda environment of BiaPy, by name or path. */
  readonly condaEnvironment: string;
}

/** The port where the processes of a job meet: from 20000 to 29999, different for each job. */
const PORT = "$((20000 + SLURM_JOB_ID % 10000))";

const word = (text: string) => quoted(text, "linux");

/** Returns the script. Throws `ArgumentError` for a name or a number that could be read as anything else. */
export function slurmScript(given: SlurmJob): string {
  const job = {
    ...given,
    name: jobNameArgument(given.name),
    runId: wholeNumber(given.runId, "The run"),
    nodes: wholeNumber(given.nodes, "The number of machines"),
    gpusPerNode: wholeNumber(given.gpusPerNode, "The number of GPUs"),
    cpusPerNode: wholeNumber(given.cpusPerNode, "The number of CPUs"),
    time: timeLimit(given.time),
    partition: given.partition === undefined ? undefined : partitionName(given.partition),
    condaEnvironment: condaEnvironment(given.condaEnvironment),
  };
  const gpus = Array.from({ length: job.gpusPerNode }, (_, index) => index).join(",");
  const directives = [
    `--job-name=${job.name}_${job.runId}`,
    `--nodes=${job.nodes}`,
    // One torch.distributed.run per machine; it starts one process per GPU.
    "--ntasks-per-node=1",
    `--gpus-per-node=${job.gpusPerNode}`,
    `--cpus-per-task=${job.cpusPerNode}`,
    `--time=${job.time}`,
    ...(job.partition === undefined ? [] : [`--partition=${job.partition}`]),
    "--output=%x_%j.log",
  ];
  return `#!/usr/bin/env bash
# Trains ${job.name}, run ${job.runId}, with BiaPy (tested with ${BIAPY_VERSION}): sbatch THIS_FILE
${directives.map((each) => `#SBATCH ${each}`).join("\n")}
set -euo pipefail

job_cfg_file=${word(job.configFile)}
result_dir=${word(job.resultDirectory)}
job_name=${word(job.name)}
job_counter=${job.runId}

eval "$(conda shell.bash hook)"
conda activate ${word(job.condaEnvironment)}

head_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun python -u -m torch.distributed.run \\
    --nnodes="$SLURM_JOB_NUM_NODES" \\
    --nproc_per_node=${job.gpusPerNode} \\
    --rdzv_id="$SLURM_JOB_ID" \\
    --rdzv_backend=c10d \\
    --rdzv_endpoint="$head_node:${PORT}" \\
    "$(command -v biapy)" \\
    --config "$job_cfg_file" \\
    --result_dir "$result_dir" \\
    --name "$job_name" \\
    --run_id "$job_counter" \\
    --gpu "${gpus}"
`;
}
