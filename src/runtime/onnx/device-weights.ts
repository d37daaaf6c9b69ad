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
  tensors: readonly DeviceTensor[];
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
  /** The host has values that the device lacks. */
  private outdated = true;
  /** The device has values that the host lacks. */
  private ahead = false;

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
    if (known !== undefined) this.bringHome();
    known?.tensors.forEach((tensor) => {
      tensor.release();
    });
    const layout = { shape: spec.shape, type: "float32" } as const;
    const tensors: DeviceTensor[] = [];
    // Known as soon as they are made: should memory run out, they are released.
    this.entries.set(input, { weight, slot, shape: spec.shape, tensors });
    for (let copy = 0; copy < copies; copy++) tensors.push(new DeviceTensor(this.allocator, layout));
    this.version++;
    this.outdated = true;
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

  /** To be called before every run: takes the host's values when they have changed. */
  refresh(): void {
    if (!this.outdated) return;
    this.outdated = false;
    this.copy("to the device");
  }

  /** To be called after every training step. */
  stepped(): void {
    this.current = 1 - this.current;
    this.ahead = true;
  }

  bringHome(): void {
    if (!this.ahead) return;
    this.ahead = false;
    this.copy("home");
  }

  outdate(): void {
    this.outdated = true;
  }

  private copy(direction: "to the device" | "home"): void {
    this.parameters.settle();
    for (const portion of portions([...this.entries])) {
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
