import { at, lastOf, product } from "../facts/checked-lists.ts";
import { GOLDEN_STEP, mixedBits } from "../facts/mixed-bits.ts";
import { type KernelCall, KernelPool, sharedMemory } from "./kernels/kernel-pool.ts";
import type { Initializer, WeightSpec } from "./scope.ts";

/** Vectors kept for each weight, all of the weight's size: its value, its gradient, and the optimizer's two moments. */
const SLOTS = ["weight", "gradient", "first", "second"] as const;
export type Slot = (typeof SLOTS)[number];

/** A contiguous range of values in one memory: the byte address of each slot, and the number of values (a multiple of 4). */
export interface Segment {
  readonly memory: number;
  readonly count: number;
  readonly address: Readonly<Record<Slot, number>>;
}

/** Where a weight is stored. */
export interface Place {
  readonly memory: number;
  /** Index of the weight's first value in each slot. */
  readonly offset: number;
  /** Number of its values, with those that align the next weight. */
  readonly size: number;
}

/** A copy of all values in a device's memory. */
export interface DeviceCopy {
  /** Copies the device's values to the host if a training step has changed them. */
  bringHome(): void;
  /** Marks the host's values as changed: they are sent to the device before its next run. */
  outdate(): void;
  release(): void;
}

/** Each weight starts on a cache line: 16 values of 4 bytes. */
const ALIGNMENT = 16;
const BYTES = 4;
const SHARD_BYTES = 2 ** 32 - 2 ** 20;
const aligned = (count: number) => Math.ceil(count / ALIGNMENT) * ALIGNMENT;
const sizeOf = (spec: WeightSpec) => product(spec.shape);

/** The weights of a model, and during training their gradients and moments, in memory shared with the kernels. */
export class Parameters {
  readonly pool: KernelPool;
  private readonly memories: WebAssembly.Memory[];
  private readonly places = new Map<string, Place>();
  /** Number of values in each slot of each memory. */
  private readonly lengths: number[];
  /** States are in a separate memory, which the optimizer does not update. */
  private readonly states = new Map<string, Place>();
  private readonly slots: readonly Slot[];

  /**
   * @param trainable whether to keep gradients and moments
   * @param threads how many threads the kernels run on
   */
  constructor(
    readonly specs: readonly WeightSpec[],
    options: { readonly trainable: boolean; readonly threads: number },
  ) {
    this.slots = options.trainable ? SLOTS : SLOTS.slice(0, 1);
    const capacity = Math.floor(SHARD_BYTES / BYTES / this.slots.length);
    this.lengths = [0];
    let stateCount = 0;
    const statePlaces = new Map<string, Omit<Place, "memory">>();
    for (const spec of specs) {
      const size = aligned(sizeOf(spec));
      if (spec.role === "state") {
        statePlaces.set(spec.name, { offset: stateCount, size });
        stateCount += size;
        continue;
      }
      if (lastOf(this.lengths) + size > capacity) this.lengths.push(0);
      const memory = this.lengths.length - 1;
      const offset = at(this.lengths, memory);
      this.places.set(spec.name, { memory, offset, size });
      this.lengths[memory] = offset + size;
    }
    this.memories = this.lengths.map((length) => sharedMemory(length * BYTES * this.slots.length));
    if (stateCount > 0) {
      const memory = this.memories.push(sharedMemory(stateCount * BYTES)) - 1;
      for (const [name, place] of statePlaces) this.states.set(name, { ...place, memory });
    }
    this.pool = new KernelPool(this.memories, options.threads);
    if (options.trainable) this.pool.runInBackground(this.segments().flatMap(clearedMoments));
  }

  /** Number of values that the optimizer updates. */
  get count(): number {
    return this.specs
      .filter((spec) => spec.role === "parameter")
      .reduce((sum, spec) => sum + sizeOf(spec), 0);
  }

  /** The device's copy, while a device trains. It is synchronized before values here are read or written. */
  device: DeviceCopy | undefined;

  /** Returns a view of one slot of a weight, to read and write. A state has only the slot `weight`. */
  values(name: string, slot: Slot = "weight"): Float32Array {
    const values = this.read(name, slot);
    this.device?.outdate();
    return values;
  }

  /** Like {@link values}, read-only: a device's copy stays valid. */
  read(name: string, slot: Slot = "weight"): Float32Array {
    this.device?.bringHome();
    return this.place(name, slot);
  }

  /** Returns one slot of a weight without synchronizing it with the device. For the device's copy only. */
  place(name: string, slot: Slot): Float32Array {
    const spec = this.specs.find((each) => each.name === name);
    if (spec === undefined) throw unknownWeight(name);
    const { memory, offset } = this.placeOf(name);
    const start = this.states.has(name) ? 0 : this.slots.indexOf(slot) * at(this.lengths, memory);
    return new Float32Array(at(this.memories, memory).buffer, (start + offset) * BYTES, sizeOf(spec));
  }

  private placeOf(name: string): Place {
    const place = this.states.get(name) ?? this.places.get(name);
    if (place === undefined) throw unknownWeight(name);
    return place;
  }

  /** Returns where a parameter is stored. */
  extent(name: string): Place {
    const place = this.places.get(name);
    if (place === undefined) throw unknownWeight(name);
    return place;
  }

  /** Returns a view of a parameter's gradient that starts at another value of the gradients' slot than the parameter does in its own. */
  gradientAt(name: string, offset: number): Float32Array {
    const { memory } = this.extent(name);
    const { length } = this.place(name, "gradient");
    const start = this.segment(memory).address.gradient + offset * BYTES;
    return new Float32Array(at(this.memories, memory).buffer, start, length);
  }

  /**
   * Lets a worker access the memory of gradients for the first time.
   *
   * @param counts number of values of each memory that gradients take
   */
  prepareGradients(counts: readonly number[] = this.lengths): void {
    const calls = counts.map((count, memory): KernelCall => {
      const { address } = this.segment(memory);
      return { memory, kernel: "zero", values: [address.gradient, count] };
    });
    this.pool.runInBackground(calls);
  }

  /** Returns all parameters as a few long vectors, for the optimizer. */
  segments(): Segment[] {
    return this.lengths.map((_, memory) => this.segment(memory));
  }

  private segment(memory: number): Segment {
    const count = at(this.lengths, memory);
    const address = {
      weight: 0,
      gradient: count * BYTES,
      first: 2 * count * BYTES,
      second: 3 * count * BYTES,
    };
    return { memory, count, address };
  }

  /**
   * Returns some parameters as vectors, for the optimizer. Neighbors whose gradients are neighbors too are one vector.
   *
   * @param gradients where the gradient of each of them starts ({@link gradientAt})
   */
  segmentsOf(gradients: ReadonlyMap<string, number>): Segment[] {
    const ranges = [...gradients].map(([name, start]) => ({ ...this.extent(name), start }));
    const joined: (typeof ranges)[number][] = [];
    for (const range of ranges.sort((a, b) => a.memory - b.memory || a.offset - b.offset)) {
      const last = joined.at(-1);
      const follows = (from: number | undefined, next: number) =>
        last?.memory === range.memory && from !== undefined && from + last.size === next;
      if (last !== undefined && follows(last.offset, range.offset) && follows(last.start, range.start))
        joined[joined.length - 1] = { ...last, size: last.size + range.size };
      else joined.push(range);
    }
    return joined.map(({ memory, offset, size: count, start }): Segment => {
      const { weight, gradient, first, second } = this.segment(memory).address;
      const own = offset * BYTES;
      const address = {
        weight: weight + own,
        gradient: gradient + start * BYTES,
        first: first + own,
        second: second + own,
      };
      return { memory, count, address };
    });
  }

  /** Initializes every weight. The same seed gives the same values. */
  initialize(seed: number): void {
    this.specs.forEach((spec, index) => {
      this.initializeWeight(spec, seed + 0x632be5ab * index);
    });
  }

  private initializeWeight(spec: WeightSpec, seed: number): void {
    const { initializer } = spec;
    const values = this.values(spec.name);
    const [outputs = 1, inputs = 1, ...kernel] = spec.shape;
    const window = product(kernel);
    const fans = { in: inputs * window, out: outputs * window };
    if (initializer.kind === "constant") values.fill(initializer.value);
    else if (initializer.kind === "values") values.set(initializer.values());
    else if (initializer.kind === "normal") fillNormal(values, seed, initializer.deviation);
    else if (initializer.kind === "kaiming-normal")
      fillNormal(values, seed, Math.sqrt(2 / fans[initializer.fan]));
    else this.fillUniform(spec, seed, uniformRange(initializer, fans));
  }

  private fillUniform(spec: WeightSpec, seed: number, range: number): void {
    const { memory, offset } = this.placeOf(spec.name);
    // On this thread: a worker is clearing gradients and moments.
    const values = [offset * BYTES, 0, sizeOf(spec), seed | 0, range];
    this.pool.runHere([{ memory, kernel: "uniform", values }]);
  }

  /** Resolves when a worker has cleared the moments, and gradients where they were prepared. Await it before writing to them. */
  settled(): Promise<void> {
    return this.pool.settled();
  }

  close(): Promise<void> {
    this.device?.release();
    this.device = undefined;
    return this.pool.close();
  }
}

/** Returns the bound of a symmetric uniform distribution. */
function uniformRange(
  initializer: Extract<Initializer, { kind: "xavier-uniform" | "fan-in-uniform" }>,
  fans: { readonly in: number; readonly out: number },
): number {
  if (initializer.kind === "xavier-uniform") return Math.sqrt(6 / (fans.in + fans.out));
  return 1 / Math.sqrt(initializer.fanIn ?? fans.in);
}

const unknownWeight = (name: string) => new Error(`No weight is named ${name}.`);

function clearedMoments({ memory, count, address }: Segment): KernelCall[] {
  const slots = [address.first, address.second];
  return slots.map((start) => ({ memory, kernel: "zero", values: [start, count] }));
}

/** Fills `values` with normal numbers (Box & Muller 1958) from SplitMix. */
function fillNormal(values: Float32Array, seed: number, deviation: number): void {
  let state = seed | 0;
  const uniform = () => {
    state = (state + GOLDEN_STEP) | 0;
    return mixedBits(state) / 2 ** 32;
  };
  for (let index = 0; index < values.length; index += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[index] = radius * Math.cos(angle);
    if (index + 1 < values.length) values[index + 1] = radius * Math.sin(angle);
  }
}
