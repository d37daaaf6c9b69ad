/** Graphs on the CPU, run part by part: a graph that is called many times is compiled once. */
import { programModel } from "./dump-graph.ts";
import { withFreedBuffers } from "./freed-buffers.ts";
import type { Part } from "./graph-parts.ts";
import type { Subgraph } from "./model-proto.ts";
import { runtime } from "./native.ts";
import type { Pointer } from "./native-api.ts";
import { NativeSession, type SessionSettings } from "./native-session.ts";
import type { NativeTensor } from "./native-tensor.ts";

/** A part without its definition, which may be large. */
interface CompiledPart extends Omit<Part, "body"> {
  readonly session: Promise<NativeSession>;
  /** Pointers to the tensors of inputs and outputs. Kept here, because onnxruntime reads and writes them off the main thread. */
  readonly read: BigUint64Array;
  readonly written: BigUint64Array;
}

/**
 * A graph in parts, with the tensors of its inputs and outputs. Values between its parts stay in onnxruntime's memory, and are released after
 * the last part that reads them.
 */
export class CompiledGraph {
  private readonly parts: readonly CompiledPart[];
  private readonly sessions: Promise<NativeSession>[] = [];
  private isReleased = false;
  /** Resolves when the last run has ended. */
  private lastRun: Promise<void> = Promise.resolve();

  /**
   * Starts to compile the parts. A part runs as soon as it is compiled, and then fails if it could not be.
   *
   * @param bound tensors by the names of inputs and outputs. They are released with the graph.
   * @param purpose of the graph, for its file ({@link programModel})
   */
  constructor(
    parts: readonly Part[],
    private readonly bound: ReadonlyMap<string, NativeTensor>,
    settings: SessionSettings,
    purpose: string,
  ) {
    const compiled = new Map<Subgraph, Promise<NativeSession>>();
    const sessionOf = (body: Subgraph) => {
      const session = compiled.get(body) ?? this.compile(body, settings, purpose);
      compiled.set(body, session);
      return session;
    };
    this.parts = parts.map(({ body, ...part }) => ({
      ...part,
      session: sessionOf(body),
      read: new BigUint64Array(part.inputs.length),
      written: new BigUint64Array(part.outputs.length),
    }));
  }

  /** Compiles a part off the main thread, as many at a time as there are threads. */
  private compile(
    body: Subgraph,
    { threads, profile }: SessionSettings,
    purpose: string,
  ): Promise<NativeSession> {
    const names = (values: Subgraph["outputs"]) => values.map(({ name }) => name);
    const model = programModel(withFreedBuffers(body), purpose);
    const settings = { threads, profile: profile && `${profile}-${this.sessions.length}` };
    const ends = { inputs: names(body.inputs), outputs: names(body.outputs) };
    const earlier = this.sessions.at(-threads) ?? Promise.resolve();
    const session = earlier.then(() => {
      this.checkUse();
      return NativeSession.compiledApart(model, settings, ends);
    });
    // A failure rejects in run(), not as an unhandled rejection.
    session.catch(() => {});
    this.sessions.push(session);
    return session;
  }

  /**
   * Runs the graph off the main thread. The bound outputs hold the result when the promise resolves. Throws if the graph is released before
   * its last part has run. Runs must follow one another: they share the tensors.
   *
   * @param afterPart is called after each part with its place, and awaited
   */
  run(afterPart?: (place: number) => Promise<void>): Promise<void> {
    const running = this.runParts(afterPart);
    this.lastRun = running.catch(() => {});
    return running;
  }

  private async runParts(afterPart?: (place: number) => Promise<void>): Promise<void> {
    /** Values that later parts read. */
    const between = new Map<string, Pointer>();
    const release = (name: string, pointer: Pointer) => {
      runtime().api.releaseValue(pointer);
      between.delete(name);
    };
    const pointer = (name: string) => this.bound.get(name)?.pointer ?? between.get(name) ?? 0n;
    try {
      for (const [part, { session, inputs, outputs, finished, read, written }] of this.parts.entries()) {
        for (const [place, name] of inputs.entries()) read[place] = pointer(name);
        for (const [place, name] of outputs.entries()) written[place] = pointer(name);
        const compiled = await session;
        this.checkUse();
        await compiled.run(read, written);
        for (const [place, name] of outputs.entries()) {
          const result = written[place];
          if (result !== undefined && !this.bound.has(name)) between.set(name, result);
        }
        for (const name of finished) release(name, pointer(name));
        await afterPart?.(part);
      }
    } finally {
      for (const [name, left] of between) release(name, left);
    }
  }

  private checkUse(): void {
    if (this.isReleased) throw new Error("The graph was released.");
  }

  /** Frees the graph and its tensors, as soon as the part that is running has run: onnxruntime still reads them. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    void this.lastRun.then(() => this.free());
  }

  private free(): void {
    for (const session of this.sessions.splice(0))
      session.then(
        (compiled) => compiled.release(),
        () => {},
      );
    for (const tensor of this.bound.values()) tensor.release();
  }
}
