/** BiaPy's container: its command line, and whether Docker can run it. */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import Papa from "papaparse";
import type { Program } from "../runs/record.ts";
import { imageName } from "./arguments.ts";
import { type BiapyJob, biapyArguments, gpuNumbers, isWindowsPath } from "./biapy-command.ts";
import { capture } from "./capture.ts";

/** PyTorch's workers pass batches in shared memory, of which a container has 64 MB by default. */
const SHARED_MEMORY = "8g";
const STOP_SECONDS = 10;

export interface DockerJob extends BiapyJob {
  readonly image: string;
  /** Folders and files that the configuration names: images and checkpoints. */
  readonly dataPaths: readonly string[];
  /** The folder against which the configuration's relative paths are resolved. */
  readonly workingDirectory: string;
}

export interface DockerCommands {
  readonly run: Program;
  readonly stop: Program;
  readonly kill: Program;
}

/** Returns a path's place in the container: the same path, or `/c/data` for `C:\data` of Windows. */
export function containerPath(path: string): string {
  if (!isWindowsPath(path)) return path;
  return `/${path.charAt(0).toLowerCase()}${path.slice(2).replaceAll("\\", "/")}`;
}

/** Names the container, so that it can be stopped, after its job, run and result folder. */
function containerName({ name, runId, resultDirectory }: BiapyJob): string {
  const place = createHash("sha256").update(resultDirectory).digest("hex").slice(0, 8);
  return `biapy-${name}-${runId}-${place}`;
}

/**
 * Returns the commands that start, stop and end BiaPy in a container. Paths must be absolute.
 *
 * Throws `ArgumentError` if the name of the image is invalid.
 */
export function dockerCommands(job: DockerJob): DockerCommands {
  const container = containerName(job);
  const gpus = gpuNumbers(job.gpu);
  const run = [
    ...["run", "--rm", "--name", container],
    // Docker reads the value as CSV: quotes keep the numbers together.
    ...(gpus.length === 0 ? [] : ["--gpus", `"device=${gpus.join(",")}"`]),
    ...["--shm-size", SHARED_MEMORY],
    ...mounts(job).flatMap((path) => ["--mount", bindMount(path)]),
    ...["--workdir", containerPath(job.workingDirectory)],
    imageName(job.image),
    "biapy",
    ...biapyArguments({
      ...job,
      configFile: containerPath(job.configFile),
      resultDirectory: containerPath(job.resultDirectory),
      // The container sees only the GPUs that it was given, counted from 0.
      gpu: gpus.map((_, index) => index).join(","),
    }),
  ];
  return {
    run: { command: "docker", args: run },
    stop: { command: "docker", args: ["stop", "--time", String(STOP_SECONDS), container] },
    kill: { command: "docker", args: ["kill", container] },
  };
}

/** Returns a mount at the same place. Docker reads it as CSV: commas and quotes are quoted; colons have no meaning. */
function bindMount(path: string): string {
  return Papa.unparse([["type=bind", `source=${path}`, `target=${containerPath(path)}`]]);
}

/** Returns every needed folder once; a folder within another comes with it. */
function mounts({ configFile, resultDirectory, dataPaths }: DockerJob): string[] {
  const folders = [...new Set([resultDirectory, dirname(configFile), ...dataPaths])];
  const within = (path: string, folder: string) =>
    path !== folder && (path.startsWith(`${folder}/`) || path.startsWith(`${folder}\\`));
  return folders.filter((path) => !folders.some((other) => within(path, other)));
}

export type DockerState =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly reason: string; readonly fix: string };

/** Checks whether a Docker daemon answers. If not, says what to do. */
export async function dockerState(docker = "docker"): Promise<DockerState> {
  const { code, output, error } = await capture(docker, ["version", "--format", "{{.Server.Version}}"], {
    timeoutMs: 15_000,
  });
  if (code === 0) return { available: true, version: output.trim() };
  if (error === "ENOENT")
    return {
      available: false,
      reason: "Docker is not installed: there is no command docker.",
      fix: "Install Docker Desktop, or Docker Engine on Linux, and start it.",
    };
  if (/permission denied/i.test(output))
    return {
      available: false,
      reason: "You may not use Docker.",
      fix: "Add yourself to the group docker (sudo usermod -aG docker $USER) and log in again.",
    };
  return {
    available: false,
    reason: "No Docker daemon answers.",
    fix: "Start Docker Desktop, or on Linux: sudo systemctl start docker.",
  };
}
