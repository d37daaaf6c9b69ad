/** Python environments on this machine, and which of them have BiaPy. */

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import * as v from "valibot";
import { BIAPY_VERSION } from "../facts/biapy-version.ts";
import { parseJson } from "../facts/files/regular-file.ts";
import { capture } from "./capture.ts";

/** Where an environment was found. */
export type Origin = "setting" | "editor" | "folder" | "conda" | "path" | "created";

export interface Candidate {
  /** The interpreter, absolute. */
  readonly python: string;
  readonly origin: Origin;
}

export interface PythonEnvironment extends Candidate {
  /** Python's version: `3.11.7`. */
  readonly version: string;
  /** The folder of its commands. */
  readonly scripts: string;
  /** BiaPy's version, where it is installed. */
  readonly biapy?: string;
  /** The folder of BiaPy's source. */
  readonly biapyFolder?: string;
  readonly torch?: string;
  readonly debugpy?: string;
}

export interface SearchPlaces {
  /** What the settings or the Python extension name, in order of preference. */
  readonly named: readonly Candidate[];
  /** Folders that may contain a `.venv`. */
  readonly folders: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly home?: string;
}

const WINDOWS = process.platform === "win32";
const FOLDER_NAMES = [".venv", "venv", "env"];
const CONDA_HOMES = ["miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda"];

/** Returns the interpreter in an environment's folder. On Windows, conda and venv keep it in different places. */
export function interpreterIn(folder: string): string | undefined {
  const names = WINDOWS
    ? [join("Scripts", "python.exe"), "python.exe"]
    : [join("bin", "python"), join("bin", "python3")];
  return names.map((name) => join(folder, name)).find((path) => existsSync(path));
}

/** Returns every place that may have a Python, the most likely first, without duplicates. */
export function candidates({
  named,
  folders,
  environment = process.env,
  home = homedir(),
}: SearchPlaces): Candidate[] {
  const inFolders = (paths: readonly (string | undefined)[], origin: Origin): Candidate[] =>
    paths.flatMap((path) => {
      const python = path === undefined ? undefined : interpreterIn(path);
      return python === undefined ? [] : [{ python, origin }];
    });
  const found = [
    ...named.filter(({ python }) => existsSync(python)),
    ...inFolders([environment.VIRTUAL_ENV], "folder"),
    ...inFolders(
      folders.flatMap((folder) => FOLDER_NAMES.map((name) => join(folder, name))),
      "folder",
    ),
    ...inFolders([environment.CONDA_PREFIX, ...condaEnvironments(home)], "conda"),
    ...onPath(environment.PATH ?? ""),
  ];
  const seen = new Set<string>();
  return found.filter(({ python }) => {
    // A venv's interpreter is a link to another one: environments are distinguished by their folder.
    if (seen.has(python)) return false;
    seen.add(python);
    return true;
  });
}

/** Returns the folders of conda's environments: those in its list, and those in its usual places. */
function condaEnvironments(home: string): string[] {
  const list = join(home, ".conda", "environments.txt");
  const listed = existsSync(list) ? readFileSync(list, "utf8").split(/\r?\n/).filter(Boolean) : [];
  const installed = CONDA_HOMES.flatMap((name) => {
    const folder = join(home, name);
    const environments = join(folder, "envs");
    const names = existsSync(environments) ? readdirSync(environments) : [];
    return [...names.map((each) => join(environments, each)), folder];
  });
  return [...listed, ...installed];
}

/** Returns Pythons next to a command `biapy`, then others. */
function onPath(path: string): Candidate[] {
  const folders = path.split(delimiter).filter(Boolean);
  const suffix = WINDOWS ? ".exe" : "";
  const beside = folders
    .filter((folder) => existsSync(join(folder, `biapy${suffix}`)))
    .flatMap((folder) => {
      // `biapy` may be a link into the environment that it belongs to.
      const real = dirname(realpathSync(join(folder, `biapy${suffix}`)));
      return [join(real, `python${suffix}`), join(dirname(real), `python${suffix}`)];
    });
  const plain = folders.flatMap((folder) =>
    ["python3", "python"].map((name) => join(folder, `${name}${suffix}`)),
  );
  return [...beside, ...plain]
    .filter((python) => existsSync(python))
    .map((python) => ({ python, origin: "path" as const }));
}

/** Asks for versions without loading BiaPy, which takes seconds. */
const PROBE = `
import importlib.metadata as metadata, importlib.util, json, os, sys, sysconfig
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
found = importlib.util.find_spec("biapy")
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "scripts": sysconfig.get_path("scripts"),
    "biapy": version("biapy"),
    "biapyFolder": os.path.dirname(found.origin) if found and found.origin else None,
    "torch": version("torch"),
    "debugpy": version("debugpy"),
}))
`;
const PROBE_MS = 30_000;

/** Text, or undefined where Python prints None. */
const printedText = v.pipe(
  v.nullish(v.string()),
  v.transform((text) => text ?? undefined),
);
const probed = v.object({
  version: v.string(),
  scripts: v.string(),
  biapy: printedText,
  biapyFolder: printedText,
  torch: printedText,
  debugpy: printedText,
});

/** Returns what an interpreter has; undefined if it does not run. */
export async function probe({ python, origin }: Candidate): Promise<PythonEnvironment | undefined> {
  const found = await printedBy(python, PROBE, probed, PROBE_MS);
  return found && { python, origin, ...found };
}

/** Runs a script that prints an object as JSON. Returns the object; undefined if the script fails or prints none. */
async function printedBy<const S extends v.GenericSchema>(
  python: string,
  script: string,
  schema: S,
  timeoutMs: number,
): Promise<v.InferOutput<S> | undefined> {
  const { code, output } = await capture(python, ["-c", script], { timeoutMs });
  if (code !== 0) return undefined;
  try {
    // Packages print warnings before and after it.
    return parseJson(output.split("\n").findLast((line) => line.startsWith("{")) ?? "", schema);
  } catch {
    return undefined;
  }
}

/** Returns all environments: those with the tested version of BiaPy first, then those with another one, then those without. */
export async function findEnvironments(places: SearchPlaces): Promise<PythonEnvironment[]> {
  const found: PythonEnvironment[] = [];
  // One after another: starting a dozen Pythons at once stalls a laptop.
  for (const candidate of candidates(places)) {
    const environment = await probe(candidate);
    if (environment !== undefined) found.push(environment);
  }
  const rank = ({ biapy }: PythonEnvironment) => {
    if (biapy === undefined) return 2;
    return biapy === BIAPY_VERSION ? 0 : 1;
  };
  return found.sort((one, other) => rank(one) - rank(other));
}

/** Returns the first environment with BiaPy in order of preference: named ones come before found ones. */
export async function environmentWithBiapy(places: SearchPlaces): Promise<PythonEnvironment | undefined> {
  for (const candidate of candidates(places)) {
    const environment = await probe(candidate);
    if (environment?.biapy !== undefined) return environment;
  }
  return undefined;
}

const DEVICES = `
import json, torch
cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
mps = getattr(torch.backends, "mps", None)
print(json.dumps({"cuda": cuda, "mps": bool(mps and mps.is_available())}))
`;
const DEVICES_MS = 120_000;

const torchDeviceList = v.object({
  /** Names of the CUDA devices, by their number. */
  cuda: v.array(v.string()),
  mps: v.boolean(),
});
export type TorchDevices = Readonly<v.InferOutput<typeof torchDeviceList>>;

/** Returns the devices that an environment's PyTorch can use, in some seconds; undefined if PyTorch is missing or fails. */
export async function torchDevices(python: string): Promise<TorchDevices | undefined> {
  return printedBy(python, DEVICES, torchDeviceList, DEVICES_MS);
}

/** Returns what is wrong with `--gpu` on a machine with these devices and what to do; undefined if nothing is. */
export function gpuProblem(gpus: readonly string[], { cuda, mps }: TorchDevices): string | undefined {
  if (gpus.length === 1 && gpus[0] === "mps")
    return mps
      ? undefined
      : "This PyTorch has no Apple GPU (mps). Leave the GPU empty to train on the processor.";
  const there = cuda.map((name, index) => `${index} (${name})`).join(", ");
  const missing = gpus.filter((gpu) => !/^\d+$/.test(gpu) || Number(gpu) >= cuda.length);
  if (missing.length === 0) return undefined;
  const has = cuda.length === 0 ? "PyTorch sees no GPU here" : `PyTorch sees the GPUs ${there}`;
  const fix =
    cuda.length === 0
      ? "Leave the GPU empty to train on the processor, or install the graphics driver and a PyTorch with CUDA."
      : "Choose one of these.";
  return `There is no GPU ${missing.join(", ")}: ${has}. ${fix}`;
}
