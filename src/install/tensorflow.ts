/**
 * Installs TensorFlow for Node.js (`@tensorflow/tfjs-node`) in this program's storage. On Linux with a C++ compiler, its binding is built
 * against TensorFlow 2.15.1 from the Python wheel, which has CUDA 12. Elsewhere, the package's own installation provides TensorFlow 2.9.1
 * and CUDA 11.2.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import packageFile from "../../package.json" with { type: "json" };
import { errorCode } from "../facts/errors.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { InstallError } from "./download.ts";
import { installFolder, isInstalled } from "./installed-folder.ts";
import { storageFolder } from "./storage.ts";
import wheels from "./wheels.json" with { type: "json" };
import { type InstallProgress, installWheels } from "./wheels.ts";

export type TensorflowKind = "cpu" | "gpu";

/** The package's version in package.json, where it is an optional peer: it is never installed with this program. */
const VERSION = packageFile.peerDependencies["@tensorflow/tfjs-node-gpu"];
const PACKAGES = { cpu: "@tensorflow/tfjs-node", gpu: "@tensorflow/tfjs-node-gpu" } as const;

const tensorflowFolder = (kind: TensorflowKind) => join(storageFolder(), `tfjs-node-${kind}-${VERSION}`);

export interface InstalledTensorflow {
  readonly kind: TensorflowKind;
  /** The package's folder, for `require`. */
  readonly path: string;
}

/** Returns the installed TensorFlow, preferably the one for GPUs. */
export function installedTensorflow(): InstalledTensorflow | undefined {
  return (["gpu", "cpu"] as const)
    .filter((kind) => isInstalled(tensorflowFolder(kind)))
    .map((kind) => ({ kind, path: join(tensorflowFolder(kind), "node_modules", PACKAGES[kind]) }))[0];
}

/** Installs TensorFlow. If this is interrupted or fails, no files are left behind. Throws {@link InstallError}. */
export async function installTensorflow(kind: TensorflowKind, progress: InstallProgress): Promise<string> {
  return installFolder(tensorflowFolder(kind), VERSION, async (temporary) => {
    await writeFile(join(temporary, "package.json"), '{ "private": true }');
    progress.report("Fetching TensorFlow.js", 0, 1);
    const name = PACKAGES[kind];
    const packages = [`${name}@${VERSION}`, "node-api-headers@1"];
    await npm(temporary, name, ["install", "--ignore-scripts", ...packages], progress);
    if (await canCompile()) await buildFromWheel(kind, temporary, progress);
    // Overrides a user's setting: the package's script downloads TensorFlow.
    else await npm(temporary, name, ["rebuild", "--no-ignore-scripts", name], progress);
  });
}

/** Returns the npm of the Node.js that runs this process, or else the one on the PATH: the editor's own Node.js has none. */
function npmProgram(): { command: string; args: string[] } {
  const prefix = dirname(process.execPath);
  const script = [join(prefix, "node_modules"), join(prefix, "..", "lib", "node_modules")]
    .map((modules) => join(modules, "npm", "bin", "npm-cli.js"))
    .find((path) => existsSync(path));
  if (script !== undefined) return { command: process.execPath, args: [script] };
  return { command: "npm", args: [] };
}

/** Runs npm in a folder. Throws {@link InstallError}, which names the package. */
async function npm(
  folder: string,
  name: string,
  args: readonly string[],
  { signal }: InstallProgress,
): Promise<void> {
  const program = npmProgram();
  // The log level overrides the user's: errors are read from the output.
  const options = ["--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"];
  try {
    await promisify(execFile)(program.command, [...program.args, ...args, ...options], {
      cwd: folder,
      signal,
      maxBuffer: 2 ** 26,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    if (errorCode(error) === "ENOENT")
      throw new InstallError(
        "Installing TensorFlow for Node.js requires npm, which was not found. Install Node.js, which includes npm, and select it in the setting biapy.run.nodePath.",
      );
    const printed = printedError(error);
    const unreachable = /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH/.exec(printed);
    if (unreachable !== null)
      throw new InstallError(
        `npm's package registry cannot be reached (${unreachable[0]}). Check the internet connection and the proxy settings.`,
      );
    const lines = printed.trim().split("\n");
    throw new InstallError(`npm could not install ${name}: ${lines.slice(-3).join(" ")}`);
  }
}

/** Whether TensorFlow's binding can be built here: on 64-bit Linux with a C++ compiler. */
async function canCompile(): Promise<boolean> {
  if (process.platform !== "linux" || process.arch !== "x64") return false;
  return promisify(execFile)("g++", ["--version"]).then(
    () => true,
    () => false,
  );
}

/** Returns what a program that failed printed to its standard error. */
function printedError(error: unknown): string {
  return String(error instanceof Error && "stderr" in error ? error.stderr : error);
}

/** Returns the place of TensorFlow's two libraries and its C headers; undefined for other files of a wheel. */
function wheelPlace(name: string): string | undefined {
  const library = /^tensorflow\/(libtensorflow_(?:cc|framework)\.so\.2)$/.exec(name)?.[1];
  if (library !== undefined) return join("lib", library);
  const headers = /^tensorflow\/(include\/(?:tensorflow\/(?:c|tsl)|tsl|xla\/tsl)\/.*\.h)$/;
  const strings = /^tensorflow\/(include\/tensorflow\/core\/platform\/ctstring\w*\.h)$/;
  return (headers.exec(name) ?? strings.exec(name))?.[1];
}

/** Returns the place of NVIDIA's libraries, beside TensorFlow's; undefined for other files of a wheel. */
function cudaPlace(name: string): string | undefined {
  const file = /^nvidia\/.*\/lib\/(lib[^/]+\.so[^/]*)$/.exec(name)?.[1];
  return file === undefined ? undefined : join("lib", file);
}

/** Names under which TensorFlow's libraries are searched. The package's scripts take the last one as a sign of a complete installation. */
const NAMES = {
  "libtensorflow.so": "libtensorflow_cc.so.2",
  "libtensorflow.so.2": "libtensorflow_cc.so.2",
  "libtensorflow_framework.so": "libtensorflow_framework.so.2",
  "libtensorflow.so.2.9.1": "libtensorflow_cc.so.2",
} as const;

/** Builds the package's binding against the TensorFlow of the wheel. It uses Node-API, so it runs in all versions of Node.js. */
async function buildFromWheel(
  kind: TensorflowKind,
  folder: string,
  progress: InstallProgress,
): Promise<void> {
  const home = join(folder, "node_modules", PACKAGES[kind]);
  const dependencies = join(home, "deps");
  const libraries = join(dependencies, "lib");
  await rm(dependencies, { recursive: true, force: true });
  const needed = kind === "gpu" ? wheels.tensorflowGpu : wheels.tensorflow;
  await installWheels(needed, dependencies, (name) => wheelPlace(name) ?? cudaPlace(name), progress);
  for (const [name, library] of Object.entries(NAMES)) await symlink(library, join(libraries, name));
  progress.report("Building TensorFlow's binding", 0, 1);
  const output = join(home, "lib", "napi-v8");
  await createFolder(output);
  const sources = ["tfjs_backend.cc", "tfjs_binding.cc"].map((name) => join(home, "binding", name));
  const headers = [
    join(folder, "node_modules", "node-api-headers", "include"),
    join(dependencies, "include"),
    join(folder, "node_modules", "@tensorflow"),
  ];
  const options = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", "-DBUILDING_NODE_EXTENSION"];
  const linking = [
    `-L${libraries}`,
    "-ltensorflow",
    "-ltensorflow_framework",
    "-Wl,-rpath,$ORIGIN/../../deps/lib",
  ];
  const args = [...options, ...headers.map((path) => `-I${path}`), ...sources];
  try {
    await promisify(execFile)("g++", [...args, "-o", join(output, "tfjs_binding.node"), ...linking], {
      signal: progress.signal,
    });
  } catch (error) {
    if (progress.signal.aborted) throw error;
    const lines = printedError(error).trim().split("\n");
    throw new InstallError(`TensorFlow's binding could not be built: ${lines.slice(0, 3).join(" ")}`);
  }
}
