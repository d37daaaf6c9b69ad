/** Command lines, environments and generated files of the engines outside this extension. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { loadConfig } from "../../src/config/config.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { type BiapyJob, pythonCommand } from "../../src/engines/biapy-command.ts";
import { createEnvironment, EnvironmentError } from "../../src/engines/create-environment.ts";
import { containerPath, dockerCommands, dockerState } from "../../src/engines/docker.ts";
import { colabNotebook } from "../../src/engines/notebook.ts";
import { PipError, runPip } from "../../src/engines/pip.ts";
import {
  candidates,
  environmentWithBiapy,
  findEnvironments,
  gpuProblem,
  probe,
  torchDevices,
} from "../../src/engines/python-environments.ts";
import { ResumeError, resumable, runConfiguration } from "../../src/engines/run-configuration.ts";
import { slurmScript } from "../../src/engines/slurm.ts";
import { commandLine, commandLines } from "../../src/runs/command-line.ts";
import { checkpointFixture } from "../support/checkpoint-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const job: BiapyJob = {
  configFile: "/home/me/my cells.yaml",
  resultDirectory: "/home/me/results",
  name: "cells",
  runId: 2,
  gpu: "",
};
const environment = { python: "/env/bin/python", scripts: "/env/bin" };
const own = (gpu: string) => [
  ...["--config", "/home/me/my cells.yaml", "--result_dir", "/home/me/results"],
  ...["--name", "cells", "--run_id", "2", "--gpu", gpu],
];

test("one process runs BiaPy's command, unbuffered", () => {
  assert.deepEqual(pythonCommand(environment, job, undefined, "linux"), {
    command: "/env/bin/python",
    args: ["-u", join("/env/bin", "biapy"), ...own("")],
  });
  assert.deepEqual(pythonCommand(environment, { ...job, gpu: " 1 " }, undefined, "win32").args, [
    ...["-u", "-c", "import biapy; biapy.main()"],
    ...own("1"),
  ]);
});

test("several GPUs or machines run one process a GPU by torch.distributed.run", () => {
  assert.deepEqual(pythonCommand(environment, { ...job, gpu: "0, 1,2" }, undefined, "linux").args, [
    ...["-u", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=3", join("/env/bin", "biapy")],
    ...own("0,1,2"),
  ]);
  const machines = { count: 4, rank: 1, address: "node0", port: 29500 };
  assert.deepEqual(pythonCommand(environment, { ...job, gpu: "0" }, machines, "win32").args, [
    ...["-u", "-m", "torch.distributed.run", "--nnodes=4", "--node_rank=1"],
    ...["--master_addr=node0", "--master_port=29500", "--nproc_per_node=1"],
    ...["--no-python", "/env/bin/python", "-u", "-c", "import biapy; biapy.main()"],
    ...own("0"),
  ]);
});

test("Docker gets every folder, the GPUs by their numbers, and BiaPy these counted from 0", () => {
  const { run, stop, kill } = dockerCommands({
    ...job,
    gpu: "2,3",
    image: "biapyx/biapy:latest-11.8",
    dataPaths: ["/data/train", "/data/test", "/home/me/results/old/model.pth", "/data/train"],
    workingDirectory: "/home/me",
  });
  const container = run.args[3];
  assert.match(container, /^biapy-cells-2-[0-9a-f]{8}$/);
  assert.deepEqual(run, {
    command: "docker",
    args: [
      ...["run", "--rm", "--name", container, "--gpus", '"device=2,3"', "--shm-size", "8g"],
      ...["/home/me", "/data/train", "/data/test"].flatMap((path) => [
        "--mount",
        `type=bind,source=${path},target=${path}`,
      ]),
      ...["--workdir", "/home/me", "biapyx/biapy:latest-11.8", "biapy", ...own("0,1")],
    ],
  });
  assert.deepEqual(stop.args, ["stop", "--time", "10", container]);
  assert.deepEqual(kill.args, ["kill", container]);
  assert.equal(containerPath("C:\\Users\\me\\data"), "/c/Users/me/data");
  const cpu = dockerCommands({ ...job, image: "i", dataPaths: [], workingDirectory: "/" }).run.args;
  assert.equal(cpu.includes("--gpus"), false);
});

test("Docker reads a path with commas, colons and quotes as one path", () => {
  const place = { ...job, configFile: '/a,b:c/"x".yaml', resultDirectory: '/a,b:c/"r"' };
  const { args } = dockerCommands({ ...place, image: "i", dataPaths: ["/d:e"], workingDirectory: "/" }).run;
  const mounts = args.filter((_, index) => args[index - 1] === "--mount");
  assert.deepEqual(mounts, [
    'type=bind,"source=/a,b:c","target=/a,b:c"',
    "type=bind,source=/d:e,target=/d:e",
  ]);
});

test("a wrong name, image, GPU, host or time limit is refused: it would add options to a command or lines to a script", () => {
  const docker = (image: string) =>
    dockerCommands({ ...job, image, dataPaths: [], workingDirectory: "/" }).run.args;
  for (const image of ["biapyx/biapy:latest-11.8", "ghcr.io:5000/a/b_c", `a@sha256:${"0".repeat(64)}`])
    assert.ok(docker(image).includes(image));
  for (const image of ["--privileged", "-v=/:/host", "", "a b", "A", "a\n", "a/", "a:", "http://a"])
    assert.throws(() => docker(image), /biapy\.docker\.image must be an image name/, image);
  const python = (change: Partial<BiapyJob>) => pythonCommand(environment, { ...job, ...change });
  assert.throws(() => python({ name: "../x" }), /name of a job/);
  assert.throws(() => python({ gpu: "--config=x" }), /biapy\.run\.gpu/);
  assert.throws(() => python({ runId: Number.NaN }), /whole number/);
  const machines = { count: 2, rank: 0, address: "node0", port: 29500 };
  for (const address of ["10.0.0.1", "node-1.cluster", "fe80::1"])
    pythonCommand(environment, job, { ...machines, address });
  for (const address of ["a b", "-x", "a\nb", ""])
    assert.throws(() => pythonCommand(environment, job, { ...machines, address }), /host name/, address);
  const slurm = {
    ...{ configFile: "c.yaml", resultDirectory: "r", name: "cells", runId: 1, nodes: 1, gpusPerNode: 1 },
    ...{ cpusPerNode: 8, time: "24:00:00", condaEnvironment: "BiaPy_env" },
  };
  assert.throws(() => slurmScript({ ...slurm, name: "x\nrm" }), /name of a job/);
  assert.throws(() => slurmScript({ ...slurm, time: "1\n#SBATCH --x" }), /time limit/);
  assert.throws(() => slurmScript({ ...slurm, partition: "p\nrm" }), /partition/);
  assert.throws(() => slurmScript({ ...slurm, condaEnvironment: "--help" }), /conda environment/);
  const notebook = { name: "x\n!rm", runId: 1, configuration: "", folders: [] };
  assert.throws(() => colabNotebook(notebook), /name of a job/);
});

test("a Docker that is missing, stopped or forbidden is reported with the reason and what to do", async () => {
  assert.deepEqual(await dockerState("no-such-docker"), {
    available: false,
    reason: "Docker is not installed: there is no command docker.",
    fix: "Install Docker Desktop, or Docker Engine on Linux, and start it.",
  });
  const folder = temporaryFolder();
  const fake = (name: string, script: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  };
  if (process.platform === "win32") return;
  const stopped = await dockerState(
    fake("stopped", "echo 'Cannot connect to the Docker daemon' >&2; exit 1"),
  );
  assert.ok(!stopped.available && stopped.reason === "No Docker daemon answers.");
  const denied = await dockerState(
    fake("denied", "echo 'permission denied while trying to connect' >&2; exit 1"),
  );
  assert.ok(!denied.available && /group docker/.test(denied.fix));
  assert.deepEqual(await dockerState(fake("there", "echo 28.2.2")), { available: true, version: "28.2.2" });
});

test("a copied command gives a shell the same arguments", { skip: process.platform === "win32" }, () => {
  const args = [
    "-e",
    "console.log(JSON.stringify(process.argv.slice(1)))",
    "--",
    "it's",
    'a "b"',
    "$HOME `x`",
    "",
  ];
  const program = { command: process.execPath, args };
  for (const text of [commandLine(program, "linux"), commandLines(program)])
    assert.deepEqual(JSON.parse(execFileSync("sh", ["-c", text], { encoding: "utf8" })), args.slice(3));
  const powershell = commandLine(
    { command: "C:\\my env\\python.exe", args: ["it's", '"device=0,1"', "-u"] },
    "win32",
  );
  assert.equal(powershell, `& 'C:\\my env\\python.exe' 'it''s' '\\"device=0,1\\"' -u`);
});

test("a command is written an option a line", () => {
  const lines = (line: string) => {
    const [command, ...args] = line.split(" ");
    return commandLines({ command, args }).split(" \\\n    ");
  };
  assert.deepEqual(
    lines("python -u -m torch.distributed.run --standalone --nproc_per_node=2 biapy --name cells"),
    ["python -u -m torch.distributed.run", "--standalone", "--nproc_per_node=2", "biapy", "--name cells"],
  );
  assert.deepEqual(lines("docker run --rm -v /data:/data --workdir /data biapyx/biapy biapy --gpu 0"), [
    "docker run",
    "--rm",
    "-v /data:/data",
    "--workdir /data",
    "biapyx/biapy biapy",
    "--gpu 0",
  ]);
});

/** A folder that looks like an environment whose Python has BiaPy of this version. */
function fakeEnvironment(folder: string, biapy: string | null): string {
  mkdirSync(join(folder, "bin"), { recursive: true });
  const python = join(folder, "bin/python");
  const answer = JSON.stringify({ version: "3.11.7", scripts: join(folder, "bin"), biapy, torch: "2.13.0" });
  writeFileSync(python, `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(python, 0o755);
  return python;
}

test("environments are found in the editor, the folder, conda's list and folders, and on the PATH", {
  skip: process.platform === "win32",
}, async () => {
  const home = temporaryFolder();
  const project = join(home, "project");
  const named = fakeEnvironment(join(home, "named"), null);
  const venv = fakeEnvironment(join(project, ".venv"), null);
  const listed = fakeEnvironment(join(home, "elsewhere/listed"), null);
  mkdirSync(join(home, ".conda"));
  writeFileSync(join(home, ".conda/environments.txt"), `${join(home, "elsewhere/listed")}\n`);
  const conda = fakeEnvironment(join(home, "miniforge3/envs/BiaPy_env"), "3.7.1");
  const linked = fakeEnvironment(join(home, "tools"), "3.6.0");
  writeFileSync(join(home, "tools/bin/biapy"), "");
  mkdirSync(join(home, "path"));
  symlinkSync(join(home, "tools/bin/biapy"), join(home, "path/biapy"));
  const places = {
    named: [{ python: named, origin: "editor" as const }],
    folders: [project],
    environment: { PATH: join(home, "path"), VIRTUAL_ENV: join(project, ".venv") },
    home,
  };
  assert.deepEqual(candidates(places), [
    { python: named, origin: "editor" },
    { python: venv, origin: "folder" },
    { python: listed, origin: "conda" },
    { python: conda, origin: "conda" },
    { python: linked, origin: "path" },
  ]);
  const all = await findEnvironments(places);
  assert.deepEqual(
    all.map(({ python }) => python),
    [conda, linked, named, venv, listed],
    "the tested version of BiaPy comes first, then another one",
  );
  const found = await environmentWithBiapy(places);
  assert.deepEqual([found?.python, found?.biapy], [conda, "3.7.1"]);
  assert.equal(await probe({ python: join(home, "gone"), origin: "setting" }), undefined);
});

test("warnings around Python's answer are ignored", { skip: process.platform === "win32" }, async () => {
  const python = join(temporaryFolder(), "python");
  const printing = (answer: string) => {
    writeFileSync(python, `#!/bin/sh\necho before >&2\necho '${answer}'\nsleep 0.3\necho after >&2\n`);
    chmodSync(python, 0o755);
  };
  printing('{"version": "3.12.1", "scripts": "/env/bin", "biapy": null, "torch": "2.13.0"}');
  const environment = await probe({ python, origin: "path" });
  assert.deepEqual([environment?.version, environment?.torch], ["3.12.1", "2.13.0"]);
  printing('{"cuda": ["NVIDIA A"], "mps": false}');
  assert.deepEqual(await torchDevices(python), { cuda: ["NVIDIA A"], mps: false });
  assert.equal(await probe({ python, origin: "path" }), undefined, "an answer without a version");
});

test("a GPU that is not there is named with those that are", () => {
  const none = { cuda: [], mps: false };
  const two = { cuda: ["NVIDIA A", "NVIDIA B"], mps: false };
  assert.equal(gpuProblem(["0", "1"], two), undefined);
  assert.match(
    gpuProblem(["0", "4"], two) ?? "",
    /no GPU 4: PyTorch sees the GPUs 0 \(NVIDIA A\), 1 \(NVIDIA B\)/,
  );
  assert.match(gpuProblem(["0"], none) ?? "", /sees no GPU here. Leave the GPU empty/);
  assert.match(gpuProblem(["mps"], none) ?? "", /no Apple GPU/);
  assert.equal(gpuProblem(["mps"], { cuda: [], mps: true }), undefined);
});

const python = process.env.BIAPY_PYTHON ?? "python3";
const noPython = (await probe({ python, origin: "path" })) === undefined && "there is no Python";

test("an environment is made, or nothing is left of a failed or canceled attempt", {
  skip: noPython,
}, async () => {
  const parent = temporaryFolder();
  const shown: string[] = [];
  const request = (name: string, packages: string[][], signal = new AbortController().signal) => ({
    python,
    folder: join(parent, name),
    progress: ({ label }: { label: string }) => void shown.push(label),
    signal,
    packages,
  });
  const made = await createEnvironment(request("made", []));
  assert.equal(made.biapy, undefined);
  assert.ok(existsSync(made.python));
  assert.equal(shown[0], "Making the environment");
  await assert.rejects(createEnvironment(request("made", [])), /exists already/);
  assert.ok(existsSync(made.python), "the existing environment stays");
  const nowhere = join(parent, "no-such-package.whl");
  await assert.rejects(createEnvironment(request("failed", [[nowhere]])), EnvironmentError);
  assert.equal(existsSync(join(parent, "failed")), false);
  const stop = new AbortController();
  const canceled = createEnvironment(request("canceled", [], stop.signal));
  stop.abort();
  await assert.rejects(canceled, /canceled/);
  assert.equal(existsSync(join(parent, "canceled")), false);
});

test("pip's failures are reported with their reason, and an installation can be canceled", async () => {
  const printing = (text: string) => ({
    command: process.execPath,
    args: ["-e", `console.error(${JSON.stringify(text)}); process.exit(1)`],
  });
  const { signal } = new AbortController();
  const refused = (text: string) => runPip(printing(text), { signal });
  await assert.rejects(refused("/usr/bin/python: No module named pip"), /has no pip.*uv, conda/);
  await assert.rejects(refused("error: externally-managed-environment"), /belongs to the system/);
  await assert.rejects(refused("ERROR: No matching distribution found"), /pip failed: ERROR: No matching/);
  const stop = new AbortController();
  const endless = { command: process.execPath, args: ["-e", "setInterval(() => {}, 1000)"] };
  const canceled = runPip(endless, { signal: stop.signal });
  stop.abort();
  await assert.rejects(canceled, PipError);
});

const CONFIGURATION = `# My cells
PROBLEM:
    TYPE: SELF_SUPERVISED
MODEL:
    ARCHITECTURE: unet
DATA:
    PATCH_SIZE: (256,256,1)  # y, x, channels
TRAIN:
    ENABLE: True
    EPOCHS: 5
    LR: 1.E-4
`;

test("keys are set in a configuration without touching the others", () => {
  const text = withSettings(CONFIGURATION, { "TRAIN.EPOCHS": "7", "PATHS.CHECKPOINT_FILE": "/a b/c.pth" });
  assert.match(text, /^# My cells$/m);
  assert.match(text, /PATCH_SIZE: \(256,256,1\) # y, x, channels/);
  assert.match(text, /LR: 1\.E-4$/m);
  assert.match(text, /ENABLE: True$/m);
  assert.match(text, /EPOCHS: 7$/m);
  assert.match(text, /^PATHS:\n {2}CHECKPOINT_FILE: \/a b\/c\.pth$/m);
});

const CHECKPOINT = checkpointFixture("biapy.pth");

/** A job folder as BiaPy leaves it when it is ended after epochs of these validation losses. */
function interruptedRun(losses: readonly number[], checkpoints: readonly string[]) {
  const folder = temporaryFolder();
  const configFile = join(folder, "job.yaml");
  writeFileSync(configFile, CONFIGURATION);
  mkdirSync(join(folder, "results/job/logs"), { recursive: true });
  mkdirSync(join(folder, "results/job/checkpoints"), { recursive: true });
  const rows = losses.map((loss, epoch) =>
    JSON.stringify({ train_loss: 1, train_lr: 1e-4, test_loss: loss, epoch }),
  );
  writeFileSync(join(folder, "results/job/logs/job_1_log_2026_training_log.json"), `${rows.join("\n")}\n`);
  for (const kind of checkpoints)
    writeFileSync(
      join(folder, `results/job/checkpoints/job_1-checkpoint-${kind}.pth`),
      readFileSync(CHECKPOINT),
    );
  return {
    configFile,
    resultDirectory: join(folder, "results"),
    name: "job",
    runId: 1,
    resume: true,
    gpu: "",
    workingDirectory: folder,
  };
}

test("a run is resumed from its latest checkpoint; the log gives the epoch of the best one", async () => {
  const order = interruptedRun([0.5, 0.3, 0.4], ["best"]);
  assert.equal(resumable(order)?.epoch, 2);
  const text = readFileSync(await runConfiguration(order, false), "utf8");
  const numbered = join(order.resultDirectory, "job/checkpoints/job_1-checkpoint-2.pth");
  const { config } = loadConfig("job.yaml", text);
  assert.deepEqual(
    [config.flag("MODEL.LOAD_CHECKPOINT"), config.text("PATHS.CHECKPOINT_FILE"), config.flag("TRAIN.ENABLE")],
    [true, numbered, true],
  );
  const [copy, original] = await Promise.all([
    loadBiapyCheckpoint(numbered),
    loadBiapyCheckpoint(CHECKPOINT),
  ]);
  assert.equal(copy.epoch, 2);
  assert.deepEqual([...copy.weights.keys()], [...original.weights.keys()]);
  assert.deepEqual(copy.config, original.config);
  await Promise.all([copy.close(), original.close()]);
});

test("a numbered checkpoint of a later epoch is preferred; all epochs done leaves the test", async () => {
  const later = interruptedRun([0.3, 0.5, 0.4], ["best", "3"]);
  assert.equal(resumable(later)?.epoch, 3);
  const done = interruptedRun([0.5, 0.4, 0.3, 0.2, 0.1], ["best"]);
  const text = readFileSync(await runConfiguration(done, false), "utf8");
  assert.equal(loadConfig("job.yaml", text).config.flag("TRAIN.ENABLE"), false);
});

test("a run whose checkpoint was deleted says so", async () => {
  const order = interruptedRun([0.5], []);
  assert.equal(resumable(order), undefined);
  await assert.rejects(runConfiguration(order, false), (error) => {
    assert.ok(error instanceof ResumeError);
    assert.match(error.message, /no checkpoint of it in .*checkpoints\. It was deleted/);
    return true;
  });
});

test("a new run gets the user's own file, or a copy that shows a sample after every epoch", async () => {
  const order = { ...interruptedRun([], []), resume: false };
  assert.equal(await runConfiguration(order, false), order.configFile);
  const copy = await runConfiguration(order, true);
  assert.notEqual(copy, order.configFile);
  assert.match(readFileSync(copy, "utf8"), /SAVE_TRAIN_PREDS_FREQ: 1/);
  assert.equal(readFileSync(order.configFile, "utf8"), CONFIGURATION);
  writeFileSync(order.configFile, CONFIGURATION.replace("unet", "mae"));
  assert.equal(await runConfiguration(order, true), order.configFile);
});

const bash = process.platform === "win32" ? "there is no bash" : false;

test("the SLURM script runs one torch.distributed.run a machine", { skip: bash }, () => {
  const folder = temporaryFolder();
  const script = slurmScript({
    configFile: "/data/my cells.yaml",
    resultDirectory: "/data/results",
    name: "cells",
    runId: 3,
    nodes: 2,
    gpusPerNode: 4,
    cpusPerNode: 16,
    time: "24:00:00",
    partition: "gpu",
    condaEnvironment: "BiaPy_env",
  });
  for (const directive of ["--nodes=2", "--ntasks-per-node=1", "--gpus-per-node=4", "--partition=gpu"])
    assert.match(script, new RegExp(`^#SBATCH ${directive}$`, "m"));
  const stub = (name: string, code: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${code}\n`, { mode: 0o755 });
  stub("scontrol", "printf 'node7\\nnode8\\n'");
  stub("srun", 'for word in "$@"; do echo "$word"; done');
  stub("conda", 'echo ":"');
  stub("biapy", ":");
  const output = execFileSync("bash", ["-c", script.replace("conda activate", "true")], {
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${folder}:${process.env.PATH}`,
      SLURM_JOB_ID: "12345",
      SLURM_JOB_NODELIST: "node[7-8]",
      SLURM_JOB_NUM_NODES: "2",
    },
  });
  assert.deepEqual(output.trim().split("\n"), [
    ...["python", "-u", "-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=4"],
    ...["--rdzv_id=12345", "--rdzv_backend=c10d", "--rdzv_endpoint=node7:22345", join(folder, "biapy")],
    ...["--config", "/data/my cells.yaml", "--result_dir", "/data/results"],
    ...["--name", "cells", "--run_id", "3", "--gpu", "0,1,2,3"],
  ]);
});

test("the notebook installs BiaPy, asks for the folders and holds the configuration", () => {
  const configuration = `${CONFIGURATION}# it's '''quoted''' \\ and "so"\n`;
  const notebook = JSON.parse(
    colabNotebook({
      name: "cells",
      runId: 1,
      configuration,
      folders: [{ key: "DATA.TRAIN.PATH", folder: "train" }],
    }),
  );
  assert.deepEqual([notebook.nbformat, notebook.nbformat_minor], [4, 5]);
  const ids = notebook.cells.map(({ id }: { id: string }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const source = (id: string) =>
    notebook.cells.find((cell: { id: string }) => cell.id === id).source.join("");
  assert.equal(source("install"), "%pip install -q biapy==3.7.1");
  assert.match(source("images"), /^data_train_path = "\/content\/drive\/MyDrive\/train" #@param/m);
  assert.match(source("run"), /\["biapy", "--config", config_file/);
});
