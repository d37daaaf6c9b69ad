/**
 * onnxruntime through its C API. The package's JavaScript binding copies every output into a new array on each run (450 MB a step for
 * ViT-B) and cannot use shared memory. The C API reads weights and writes gradients in place.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import koffi, { type LibraryHandle } from "koffi";
import { DeviceMemoryError, isOutOfMemory } from "../device-memory-error.ts";
import { type Api, apiOf, type NativeFunction, type Pointer, type Status } from "./native-api.ts";

const LIBRARY: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  win32: "onnxruntime.dll",
  darwin: "libonnxruntime.1.dylib",
};
/** Errors are reported by a status, not logged. */
const LOG_FATAL_ONLY = 4;

/** onnxruntime has no binary for this platform. */
export class OnnxruntimeMissing extends Error {
  override readonly name = "OnnxruntimeMissing";
}

function libraryPath(): string {
  const name = LIBRARY[process.platform] ?? "libonnxruntime.so.1";
  const packageFile = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const path = join(dirname(packageFile), "bin", "napi-v6", process.platform, process.arch, name);
  if (existsSync(path)) return path;
  throw new OnnxruntimeMissing(
    `onnxruntime has no binary for ${process.platform} ${process.arch} (looked for ${path}).`,
  );
}

/** A build of onnxruntime other than the bundled one, and the libraries to load before it. */
export interface OnnxruntimeBuild {
  readonly onnxruntime: string;
  readonly needed: readonly string[];
}

let otherBuild: OnnxruntimeBuild | undefined;

/** Makes this process use another build. Call it before anything else that uses onnxruntime. */
export function useBuild(build: OnnxruntimeBuild): void {
  if (otherBuild?.onnxruntime === build.onnxruntime) return;
  if (loaded !== undefined) throw new Error("onnxruntime is loaded already.");
  otherBuild = build;
  try {
    runtime();
  } catch (error) {
    otherBuild = undefined;
    throw error;
  }
}

/** The loaded library and what all sessions share. */
export interface Onnxruntime {
  /** Kept referenced: koffi unloads a library that is garbage-collected. */
  readonly libraries: readonly LibraryHandle[];
  readonly api: Api;
  readonly environment: Pointer;
  readonly cpuMemory: Pointer;
}

/** Loads the library. Throws {@link OnnxruntimeMissing}, or the system's error where it does not load. */
export function loadOnnxruntime(): void {
  runtime();
}

let loaded: Onnxruntime | undefined;

/** Returns the library, loaded on first use. */
export function runtime(): Onnxruntime {
  loaded ??= load();
  return loaded;
}

/** GPU drivers compile shaders in these calls, which needs more stack than koffi's default. */
const STACK_BYTES = 8 * 2 ** 20;

function load(): Onnxruntime {
  koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
  const needed = (otherBuild?.needed ?? []).map((path) => koffi.load(path));
  const library = koffi.load(otherBuild?.onnxruntime ?? libraryPath());
  const api = apiOf(library);
  const environment = created(api, (out) => api.createEnvironment(LOG_FATAL_ONLY, "biapy-studio", out));
  check(api, api.disableTelemetry(environment));
  const cpuMemory = created(api, (out) => api.createCpuMemory(0, 0, out));
  shareArena(api, environment);
  return { libraries: [...needed, library], api, environment, cpuMemory };
}

/** OrtArenaAllocator. */
const ARENA_ALLOCATOR = 1;
/**
 * No limit, growth by what is requested, onnxruntime's default first block. Growth by doubling took 7 to 9 % less memory for small U-Nets, but a
 * fifth more for RCAN and half more for WDSR.
 */
const ARENA = { limit: 0, growth: 1, firstBytes: -1 } as const;
/** A block is split if at least this many bytes of it remain. onnxruntime's default is 128 MB. */
const SPARE_BYTES = 2 ** 20;

/**
 * Makes all sessions on the CPU allocate from one arena, so that validation and previews reuse the memory of the training step.
 * By default, each session keeps its own arena at its peak size.
 */
function shareArena(api: Api, environment: Pointer): void {
  const memory = created(api, (out) => api.createCpuMemory(ARENA_ALLOCATOR, 0, out));
  const { limit, growth, firstBytes } = ARENA;
  const arena = created(api, (out) => api.createArena(limit, growth, firstBytes, SPARE_BYTES, out));
  check(api, api.registerAllocator(environment, memory, arena));
  api.releaseArena(arena);
  api.releaseMemory(memory);
}

/** Throws the error of a status, as {@link DeviceMemoryError} where memory has run out. */
export function check(api: Api, status: Status): void {
  if (status === null) return;
  const message = `onnxruntime: ${String(api.errorMessage(status))}`;
  api.releaseStatus(status);
  throw isOutOfMemory(message) ? new DeviceMemoryError(message) : new Error(message);
}

/** Returns the object that a C function creates through its output parameter. */
export function created(api: Api, create: (out: [Pointer | null]) => Status): Pointer {
  const out: [Pointer | null] = [null];
  check(api, create(out));
  return pointerIn(out);
}

/** Returns the object that a C function creates on another thread through its last parameter. */
export async function createdApart(
  api: Api,
  create: NativeFunction,
  parameters: readonly unknown[],
): Promise<Pointer> {
  const out: [Pointer | null] = [null];
  check(api, await offMainThread(create, [...parameters, out]));
  return pointerIn(out);
}

function pointerIn([pointer]: [Pointer | null]): Pointer {
  if (pointer === null) throw new Error("onnxruntime returned nothing.");
  return pointer;
}

/** Calls a C function on another thread and resolves with its status. */
export function offMainThread(call: NativeFunction, parameters: readonly unknown[]): Promise<Status> {
  return new Promise((resolve, reject) => {
    call.async(...parameters, (error: Error | null, status: Status) =>
      error ? reject(error) : resolve(status),
    );
  });
}
