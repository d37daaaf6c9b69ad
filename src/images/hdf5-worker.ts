/**
 * The thread that reads HDF5 files, bundled as `dist/hdf5-worker.mjs`. The library decodes a chunk in one call, which only the end of
 * its thread can interrupt, and damaged data can stop it for good: `hdf5-thread.ts` watches this thread and starts another.
 */
import { probeHdf5 } from "./hdf5.ts";
import { libraryStopped } from "./hdf5-dataset.ts";
import type { Hdf5Answer, Hdf5Request } from "./hdf5-messages.ts";
import type { Probe } from "./stored-array.ts";
import { serveRequests } from "./watched-thread.ts";

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

async function answer(request: Hdf5Request): Promise<Hdf5Answer> {
  if (request.kind === "open") {
    const probe = await probeHdf5(request.path, request.options);
    const { array, ...facts } = probe;
    opened.set(++files, probe);
    const { shape, sampleType, chunks } = array;
    return { kind: "opened", image: { ...facts, file: files, shape, sampleType, chunks } };
  }
  const probe = opened.get(request.file);
  if (probe === undefined) throw new Error("The file was closed before it was read.");
  if (request.kind === "read") return { kind: "values", values: await probe.array.read(request.ranges) };
  opened.delete(request.file);
  await probe.array.close();
  return { kind: "closed" };
}

limitMemory();
serveRequests(answer, {
  isLast: libraryStopped,
  transferred: (found) => {
    const buffer = found.kind === "values" ? found.values.data.buffer : undefined;
    return buffer instanceof ArrayBuffer ? [buffer] : [];
  },
});
