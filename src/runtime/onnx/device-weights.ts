/** A model's weights and moments in a device's memory. */
import type { DeviceCopy, Parameters, Slot } from "../parameters.ts";
import { DeviceSession, type DeviceSessionSettings, DeviceTensor } from "./device-session.ts";
import { GraphBuilder } from "./graph.ts";
import { encodeModel } from "./model-proto.ts";
import { NativeTensor, type Pointer } from "./native.ts";

/** One vector of the model's: a weight, a moment or a state. */
interface Entry {
  readonly weight: string;
  readonly slot: Slot;
  readonly shape: readonly number[];
  /** What steps read and write in turn; a single tensor where no step moves it, or one that moves it where it lies. */
  readonly tensors: readonly DeviceTensor[];
  /** Which side has values that the other lacks. */
  newest: "host" | "device" | "both";
}

/** Values are copied in portions, since the device holds a portion twice meanwhile. */
const PORTION_BYTES = 2 ** 27;
const bytesOf = ({ shape }: Entry) => shape.reduce((product, size) => product * size, 4);

/**
 * The device's copy of {@link Parameters}. Most of it is there once, and steps write it where it lies (in-place.ts). What cannot be
 * written so is there twice: a step reads one set and writes the other. Copies to and from the device are made when one side asks
 * and the other has changed.
 */
export class DeviceWeights implements DeviceCopy {
  /** Which of the two sets is the newest: 0 or 1. */
  current = 0;
  /** Grows when tensors are added: bindings to the old ones are stale. */
  version = 0;
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly parameters: Parameters,
    private readonly allocator: Pointer,
    private readonly session: DeviceSessionSettings,
  ) {}

  /** Makes room for what a graph calls `input`. */
  add(input: string, weight: string, slot: Slot, copies: 1 | 2): void {
    const spec = this.parameters.specs.find(({ name }) => name === weight);
    if (spec === undefined) throw new Error(`No weight is named ${weight}.`);
    const known = this.entries.get(input);
    if (known !== undefined && known.tensors.length >= copies) return;
    if (known !== undefined) {
      // The new tensors start from the host's values.
      this.bringHome();
      for (const tensor of known.tensors) tensor.release();
    }
    const layout = { shape: spec.shape, type: "float32" } as const;
    const tensors: DeviceTensor[] = [];
    // Known as soon as they are made: should memory run out, they are released.
    this.entries.set(input, { weight, slot, shape: spec.shape, tensors, newest: "host" });
    for (let copy = 0; copy < copies; copy++) tensors.push(new DeviceTensor(this.allocator, layout));
    this.version++;
  }

  /** What a step reads. */
  read(input: string): DeviceTensor {
    const { tensors } = this.entry(input);
    return tensors[this.current % tensors.length];
  }

  /** What a step writes. */
  written(input: string): DeviceTensor {
    const { tensors } = this.entry(input);
    return tensors[(1 - this.current) % tensors.length];
  }

  /** What all of it takes of the device's memory. */
  get bytes(): number {
    return [...this.entries.values()].reduce((sum, entry) => sum + entry.tensors.length * bytesOf(entry), 0);
  }

  private entry(input: string): Entry {
    const entry = this.entries.get(input);
    if (entry === undefined) throw new Error(`The device has no ${input}.`);
    return entry;
  }

  /** Sends the host's values of those entries that the device lacks. Await it before every run. */
  async refresh(): Promise<void> {
    const entries = this.entriesNewestOn("host");
    if (entries.length === 0) return;
    await this.parameters.settled();
    this.copy(entries, "to the device");
  }

  /** To be called after every training step: the device is ahead of the host. */
  stepped(): void {
    this.current = 1 - this.current;
    for (const entry of this.entries.values()) entry.newest = "device";
  }

  /** Fetches the device's values of those entries that the host lacks. */
  bringHome(): void {
    this.copy(this.entriesNewestOn("device"), "home");
  }

  /** Notes that the host's values changed. What only the device has is fetched first: nothing is overwritten unseen. */
  outdate(): void {
    this.bringHome();
    for (const entry of this.entries.values()) entry.newest = "host";
  }

  private entriesNewestOn(side: "host" | "device"): (readonly [string, Entry])[] {
    return [...this.entries].filter(([, { newest }]) => newest === side);
  }

  private copy(entries: readonly (readonly [string, Entry])[], direction: "to the device" | "home"): void {
    for (const portion of portions(entries)) {
      const session = new DeviceSession(copyGraph(portion), this.session);
      const binding = session.bind();
      const host = portion.map(
        ([, { weight, slot, shape }]) =>
          new NativeTensor(this.parameters.place(weight, slot), "float32", shape),
      );
      portion.forEach(([input], index) => {
        const [from, to] =
          direction === "home" ? [this.read(input), host[index]] : [host[index], this.read(input)];
        binding.input(`from:${index}`, from);
        binding.output(`to:${index}`, to);
      });
      binding.runNow();
      binding.release();
      session.release();
      for (const tensor of host) tensor.release();
      for (const [, entry] of portion) entry.newest = "both";
    }
  }

  release(): void {
    for (const { tensors } of this.entries.values()) for (const tensor of tensors) tensor.release();
    this.entries.clear();
  }
}

function portions(entries: readonly (readonly [string, Entry])[]): (readonly [string, Entry])[][] {
  const all: (readonly [string, Entry])[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const each of entries) {
    const size = bytesOf(each[1]);
    if (bytes + size > PORTION_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all[all.length - 1].push(each);
    bytes += size;
  }
  return all;
}

/** A model that copies: whatever the provider, the way there and back. */
function copyGraph(entries: readonly (readonly [string, Entry])[]): Uint8Array {
  const graph = new GraphBuilder();
  const outputs = entries.map(([, { shape }], index) => {
    const value = graph.input({ name: `from:${index}`, type: "float32", shape });
    return { name: `to:${index}`, value, type: "float32", shape } as const;
  });
  return encodeModel(graph.finish(outputs));
}
