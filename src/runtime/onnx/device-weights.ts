/** A model's weights and moments in a device's memory. */
import { at } from "../../facts/checked-lists.ts";
import type { DeviceCopy, Parameters, Slot } from "../parameters.ts";
import { DeviceSession, type DeviceSessionSettings, DeviceTensor } from "./device-session.ts";
import { GraphBuilder } from "./graph.ts";
import { encodeModel } from "./model-proto.ts";
import type { Pointer } from "./native-api.ts";
import { NativeTensor } from "./native-tensor.ts";

/** One vector of the model: a weight, a moment or a state. */
interface Entry {
  readonly weight: string;
  readonly slot: Slot;
  readonly shape: readonly number[];
  /** One tensor, where steps do not change it or update it in place; otherwise two, which steps read and write in turn. */
  readonly tensors: readonly DeviceTensor[];
  /** Which side has the newest values. */
  newest: "host" | "device" | "both";
}

/** Values are copied in portions: the device holds a portion twice during the copy. */
const PORTION_BYTES = 2 ** 27;
const bytesOf = ({ shape }: Entry) => shape.reduce((product, size) => product * size, 4);

/**
 * The device's copy of {@link Parameters}. Most values are updated in place (in-place.ts). The others have two tensors: a step reads
 * one and writes the other. Values are copied between host and device when one side needs them and the other has changed them.
 */
export class DeviceWeights implements DeviceCopy {
  /** Which of two tensors is the newest: 0 or 1. */
  current = 0;
  /** Grows when tensors are replaced: bindings to old ones are stale. */
  version = 0;
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly parameters: Parameters,
    private readonly allocator: Pointer,
    private readonly session: DeviceSessionSettings,
  ) {}

  /**
   * Allocates device memory for a graph's input.
   *
   * @param copies 2 where a step cannot update it in place
   */
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
    // Registered before they are allocated, so that release() frees them if memory runs out.
    this.entries.set(input, { weight, slot, shape: spec.shape, tensors, newest: "host" });
    for (let copy = 0; copy < copies; copy++) tensors.push(new DeviceTensor(this.allocator, layout));
    this.version++;
  }

  /** Returns the tensor that a step reads. */
  read(input: string): DeviceTensor {
    const { tensors } = this.entry(input);
    return at(tensors, this.current % tensors.length);
  }

  /** Returns the tensor that a step writes. */
  written(input: string): DeviceTensor {
    const { tensors } = this.entry(input);
    return at(tensors, (1 - this.current) % tensors.length);
  }

  /** Bytes of device memory in use. */
  get bytes(): number {
    return [...this.entries.values()].reduce((sum, entry) => sum + entry.tensors.length * bytesOf(entry), 0);
  }

  private entry(input: string): Entry {
    const entry = this.entries.get(input);
    if (entry === undefined) throw new Error(`The device holds no values of ${input}.`);
    return entry;
  }

  /** Sends values that changed on the host to the device. Await it before every run. */
  async refresh(): Promise<void> {
    const entries = this.entriesNewestOn("host");
    if (entries.length === 0) return;
    await this.parameters.settled();
    this.copy(entries, "to the device");
  }

  /** Marks all values as changed on the device. Call it after every training step. */
  stepped(): void {
    this.current = 1 - this.current;
    for (const entry of this.entries.values()) entry.newest = "device";
  }

  /** Fetches values that changed on the device to the host. */
  bringHome(): void {
    this.copy(this.entriesNewestOn("device"), "to the host");
  }

  /** Marks all values as changed on the host. Values that changed on the device are fetched first, so that none are lost. */
  outdate(): void {
    this.bringHome();
    for (const entry of this.entries.values()) entry.newest = "host";
  }

  private entriesNewestOn(side: "host" | "device"): (readonly [string, Entry])[] {
    return [...this.entries].filter(([, { newest }]) => newest === side);
  }

  private copy(
    entries: readonly (readonly [string, Entry])[],
    direction: "to the device" | "to the host",
  ): void {
    for (const portion of portions(entries)) {
      this.copyPortion(portion, direction);
      for (const [, entry] of portion) entry.newest = "both";
    }
  }

  private copyPortion(
    portion: readonly (readonly [string, Entry])[],
    direction: "to the device" | "to the host",
  ): void {
    const session = new DeviceSession(copyGraph(portion), this.session);
    const binding = session.bind();
    const hostTensors: NativeTensor[] = [];
    try {
      for (const [index, [input, { weight, slot, shape }]] of portion.entries()) {
        const host = new NativeTensor(this.parameters.place(weight, slot), "float32", shape);
        hostTensors.push(host);
        const device = this.read(input);
        binding.input(`from:${index}`, direction === "to the host" ? device : host);
        binding.output(`to:${index}`, direction === "to the host" ? host : device);
      }
      binding.runNow();
    } finally {
      // Also where the device has no memory left: a smaller batch may be tried next.
      binding.release();
      session.release();
      for (const tensor of hostTensors) tensor.release();
    }
  }

  release(): void {
    for (const { tensors } of this.entries.values()) for (const tensor of tensors) tensor.release();
    this.entries.clear();
  }
}

/** Splits entries into portions of at most {@link PORTION_BYTES}. A larger entry is a portion of its own. */
function portions(entries: readonly (readonly [string, Entry])[]): (readonly [string, Entry])[][] {
  const all: (readonly [string, Entry])[][] = [];
  let portion: (readonly [string, Entry])[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [input, entry] of entries) {
    const size = bytesOf(entry);
    if (bytes + size > PORTION_BYTES) {
      portion = [];
      all.push(portion);
      bytes = 0;
    }
    portion.push([input, entry]);
    bytes += size;
  }
  return all;
}

/** Returns a model that copies its inputs to its outputs, whichever of them are on the device. */
function copyGraph(entries: readonly (readonly [string, Entry])[]): Uint8Array {
  const graph = new GraphBuilder();
  const outputs = entries.map(([, { shape }], index) => {
    const value = graph.input({ name: `from:${index}`, type: "float32", shape });
    return { name: `to:${index}`, value, type: "float32", shape } as const;
  });
  return encodeModel(graph.finish(outputs));
}
