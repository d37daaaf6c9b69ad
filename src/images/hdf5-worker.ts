/**
 * The thread that reads HDF5 files, bundled as `dist/hdf5-worker.mjs`. The library decodes a chunk in one call, which only the end of
 * its thread can interrupt, and damaged data can stop it for good: `hdf5-thread.ts` watches this thread and starts another.
 */
import { parentPort } from "node:worker_threads";
import { probeHdf5 } from "./hdf5.ts";
import { libraryStopped } from "./hdf5-dataset.ts";
import type { Hdf5Reply, Hdf5Request } from "./hdf5-messages.ts";
import type { Probe } from "./stored-array.ts";

/** Memory that the library may take, in pages of 64 KiB: 768 MB. */
const MOST_PAGES = 768 * 16;

/** Makes WebAssembly refuse memory beyond a limit: the library then says that it has none. */
function limitMemory(): void {
  const { prototype } = WebAssembly.Memory;
  const grow: unknown = Reflect.get(prototype, "grow");
  if (typeof grow !== "function") throw new Error("WebAssembly's memory cannot be limited.");
  Reflect.set(prototype, "grow", function (this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength / 65536 + pages > MOST_PAGES) throw new RangeError("No memory is left.");
    return Reflect.apply(grow, this, [pages]);
  });
}

const opened = new Map<number, Probe>();
let files = 0;

async function answer(request: Hdf5Request): Promise<Hdf5Reply> {
  if (request.kind === "open") {
    const probe = await probeHdf5(request.path, request.options);
    const { array, ...facts } = probe;
    opened.set(++files, probe);
    const { shape, sampleType, chunks } = array;
    return { kind: "opened", image: { ...facts, file: files, shape, sampleType, chunks } };
  }
  const probe = opened.get(request.file);
  if (probe === undefined) throw new Error("the file was closed");
  if (request.kind === "read") return { kind: "values", values: await probe.array.read(request.ranges) };
  opened.delete(request.file);
  await probe.array.close();
  return { kind: "closed" };
}

limitMemory();
parentPort?.on("message", async (request: Hdf5Request) => {
  try {
    const reply = await answer(request);
    parentPort?.postMessage(reply, reply.kind === "values" ? [reply.values.data.buffer as ArrayBuffer] : []);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({
      kind: "refused",
      message,
      libraryStopped: libraryStopped(),
    } satisfies Hdf5Reply);
  }
});
parentPort?.postMessage({ kind: "ready" } satisfies Hdf5Reply);
