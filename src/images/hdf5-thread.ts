/**
 * Reads HDF5 images in a worker thread, which is terminated if a file blocks it. A process has one such thread; files that were open in
 * a terminated thread are reopened in the next one.
 */
import { at } from "../facts/checked-lists.ts";
import { threadScript } from "../facts/files/thread-script.ts";
import type { Strided } from "./axes.ts";
import type { Hdf5Answer, Hdf5Request, OpenedImage, Ranges } from "./hdf5-messages.ts";
import { type OpenOptions, SAMPLE_ARRAYS } from "./image.ts";
import type { Probe } from "./stored-array.ts";
import { startThread, type WatchedThread } from "./watched-thread.ts";

/** Time limit of every request. */
const ANSWER_MS = 5000;
/** Extends the limit of a read: the rate at which a slow disk delivers chunks. */
const SLOWEST_BYTES_PER_MS = 10_000;

type Hdf5Thread = WatchedThread<Hdf5Request, Hdf5Answer>;

let current: Hdf5Thread | undefined;

function threadFor(path: string): Hdf5Thread {
  if (current === undefined || current.ended)
    current = startThread(threadScript("hdf5-worker", import.meta.url), path);
  return current;
}

/** Opens the dataset `options.inside` of a file, or the one most like an image. Throws {@link ImageError}. */
export async function probeHdf5(path: string, options: OpenOptions): Promise<Probe> {
  const opened = new OpenedFile(path, options);
  const { file, shape, sampleType, chunks, ...facts } = await opened.image();
  const read = (ranges: Ranges) => opened.read(ranges);
  return { ...facts, array: { shape, sampleType, chunks, read, close: () => opened.close() } };
}

/** An open file; it is reopened if another file caused its thread to be terminated. */
class OpenedFile {
  private thread: Hdf5Thread | undefined;
  private opened: OpenedImage | undefined;

  constructor(
    private readonly path: string,
    private readonly options: OpenOptions,
  ) {}

  async image(): Promise<OpenedImage> {
    const { path, options } = this;
    if (this.opened !== undefined && this.thread?.ended === false) return this.opened;
    const thread = threadFor(path);
    const reply = await thread.ask(
      { path, work: "opening it as HDF5", milliseconds: ANSWER_MS },
      { kind: "open", path, options },
    );
    if (reply === "thread ended") return this.image();
    if (reply.kind !== "opened") throw new Error("The HDF5 thread answered another question.");
    this.thread = thread;
    this.opened = reply.image;
    return reply.image;
  }

  async read(ranges: Ranges): Promise<Strided> {
    const { file, sampleType, chunks, dataset } = await this.image();
    const bytes = ranges.reduce((product, [from, to], axis) => {
      const size = at(chunks, axis);
      return product * (Math.ceil(to / size) - Math.floor(from / size)) * size;
    }, SAMPLE_ARRAYS[sampleType].BYTES_PER_ELEMENT);
    const milliseconds = ANSWER_MS + bytes / SLOWEST_BYTES_PER_MS;
    const reply = await this.thread?.ask(
      { path: this.path, work: `reading ${dataset}`, milliseconds },
      { kind: "read", file, ranges },
    );
    if (reply === undefined || reply === "thread ended") return this.read(ranges);
    if (reply.kind !== "values") throw new Error("The HDF5 thread answered another question.");
    return reply.values;
  }

  async close(): Promise<void> {
    const { path, thread, opened } = this;
    if (opened === undefined) return;
    const subject = { path, work: "closing it", milliseconds: ANSWER_MS };
    await thread?.ask(subject, { kind: "close", file: opened.file }).catch(() => {});
  }
}
