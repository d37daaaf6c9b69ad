/**
 * HDF5 images, read in a thread of their own that is ended when a file holds it up. A process has one such thread; files that were
 * open in one that was ended are opened again in the next.
 */
import { Worker } from "node:worker_threads";
import type { Strided } from "./axes.ts";
import type { Hdf5Reply, Hdf5Request, OpenedImage, Ranges } from "./hdf5-messages.ts";
import { ImageError, type OpenOptions, SAMPLE_ARRAYS } from "./image.ts";
import type { Probe } from "./stored-array.ts";

/** Time that any answer may take. */
const ANSWER_MS = 5000;
/** A slow disk gives this much in addition, of the chunks that are read. */
const SLOWEST_BYTES_PER_MS = 10_000;

type ThreadReply = Hdf5Reply | { readonly kind: "ended"; readonly reason: string };

/** One thread. It is given one request after the other, so that the file which holds it up is known. */
class Hdf5Thread {
  private readonly worker: Worker;
  private turn: Promise<unknown>;
  private heard: ((reply: ThreadReply) => void) | undefined;
  ended = false;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./hdf5-worker.ts" : "./hdf5-worker.mjs";
    // What the library prints nobody reads.
    this.worker = new Worker(new URL(file, import.meta.url), { stdout: true, stderr: true });
    this.worker.on("message", (reply: Hdf5Reply) => this.heard?.(reply));
    this.worker.on("error", (error) => this.end(error.message));
    this.worker.on("exit", () => this.end("its thread ended"));
    this.turn = this.start();
  }

  private async start(): Promise<void> {
    const reply = await this.reply();
    if (reply.kind === "ended") throw new Error(`the thread that reads HDF5 did not start: ${reply.reason}`);
  }

  /**
   * Asks for one thing, after what was asked before. Returns "thread ended" where another file ended the thread meanwhile.
   *
   * Throws {@link ImageError} where the file is refused or takes longer than `milliseconds`.
   */
  ask(path: string, request: Hdf5Request, milliseconds: number): Promise<Hdf5Reply | "thread ended"> {
    const answer = this.turn.then(() => this.answer(path, request, milliseconds));
    this.turn = answer.catch((error) => {
      if (!(error instanceof ImageError)) throw error;
    });
    return answer;
  }

  private async answer(path: string, request: Hdf5Request, milliseconds: number) {
    if (this.ended) return "thread ended";
    const slow = `reading it as HDF5 took longer than ${Math.round(milliseconds / 1000)} seconds`;
    const timer = setTimeout(() => this.end(slow), milliseconds);
    const reply = this.reply();
    this.worker.postMessage(request);
    const answer = await reply;
    clearTimeout(timer);
    if (answer.kind === "ended")
      throw new ImageError(
        path,
        `${path}: is damaged, or cannot be read here: ${answer.reason}. Save it again.`,
      );
    if (answer.kind !== "refused") return answer;
    if (answer.libraryStopped) this.end("damaged data stopped the HDF5 library");
    throw new ImageError(path, answer.message);
  }

  /** The next answer. The process waits for it, and for an idle thread it does not. */
  private reply() {
    this.worker.ref();
    return new Promise<ThreadReply>((resolve) => {
      this.heard = (reply) => {
        this.heard = undefined;
        this.worker.unref();
        resolve(reply);
      };
    });
  }

  private end(reason: string): void {
    this.ended = true;
    void this.worker.terminate();
    this.heard?.({ kind: "ended", reason });
  }
}

let current: Hdf5Thread | undefined;

function currentThread(): Hdf5Thread {
  if (current === undefined || current.ended) current = new Hdf5Thread();
  return current;
}

/** Opens the dataset `inside` a file, or the one that is most like an image. Throws {@link ImageError}. */
export async function probeHdf5(path: string, options: OpenOptions): Promise<Probe> {
  const opened = new OpenedFile(path, options);
  const { file, shape, sampleType, chunks, ...facts } = await opened.image();
  const read = (ranges: Ranges) => opened.read(ranges);
  return { ...facts, array: { shape, sampleType, chunks, read, close: () => opened.close() } };
}

/** A file that is open in a thread, and is opened again when another file ended that thread. */
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
    const thread = currentThread();
    const reply = await thread.ask(path, { kind: "open", path, options }, ANSWER_MS);
    if (reply === "thread ended") return this.image();
    if (reply.kind !== "opened") throw new Error("The HDF5 thread answered another question.");
    this.thread = thread;
    this.opened = reply.image;
    return reply.image;
  }

  async read(ranges: Ranges): Promise<Strided> {
    const { file, sampleType, chunks } = await this.image();
    const bytes = ranges.reduce(
      (product, [from, to], axis) =>
        product * (Math.ceil(to / chunks[axis]) - Math.floor(from / chunks[axis])) * chunks[axis],
      SAMPLE_ARRAYS[sampleType].BYTES_PER_ELEMENT,
    );
    const milliseconds = ANSWER_MS + bytes / SLOWEST_BYTES_PER_MS;
    const reply = await this.thread?.ask(this.path, { kind: "read", file, ranges }, milliseconds);
    if (reply === undefined || reply === "thread ended") return this.read(ranges);
    if (reply.kind !== "values") throw new Error("The HDF5 thread answered another question.");
    return reply.values;
  }

  async close(): Promise<void> {
    const { path, thread, opened } = this;
    if (opened === undefined) return;
    await thread?.ask(path, { kind: "close", file: opened.file }, ANSWER_MS).catch(() => {});
  }
}
