/** The command lines of BiaPy's documentation, filled in for one job. */
import { commandLines } from "../runs/command-line.ts";
import { biapyArguments, gpuNumbers } from "./biapy-command.ts";
import { type DockerJob, dockerCommands } from "./docker.ts";

/** Returns the command lines for a Python environment, several GPUs and Docker, as a shell script with comments. */
export function commandLinesText(job: DockerJob): string {
  const gpus = gpuNumbers(job.gpu);
  const several = gpus.length > 1 ? gpus : ["0", "1"];
  const distributed = [
    ...["-u", "-m", "torch.distributed.run", "--standalone", `--nproc_per_node=${several.length}`],
    ...["$(which biapy)", ...biapyArguments({ ...job, gpu: several.join(",") })],
  ];
  return `# In a Python environment
conda activate BiaPy_env
${commandLines({ command: "biapy", args: biapyArguments(job) })}

# On several GPUs of one machine
${commandLines({ command: "python", args: distributed }).replace("'$(which biapy)'", '"$(which biapy)"')}

# In Docker
${commandLines(dockerCommands(job).run)}
`;
}
