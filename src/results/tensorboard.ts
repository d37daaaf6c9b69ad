/**
 * TensorBoard's event files: TFRecord frames (length, its masked CRC-32C, data, their masked CRC-32C) around Event
 * messages of tensorboard/compat/proto/event.proto and summary.proto.
 */

import { appendFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs/light.js";
import { crc32c } from "../facts/crc32c.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { explainingErrors } from "../facts/files/write-file.ts";

const Event = protobuf.Root.fromJSON({
  nested: {
    Event: {
      oneofs: { what: { oneof: ["fileVersion", "summary"] } },
      fields: {
        wallTime: { type: "double", id: 1 },
        step: { type: "int64", id: 2 },
        fileVersion: { type: "string", id: 3 },
        summary: { type: "Summary", id: 5 },
      },
    },
    Summary: { fields: { value: { rule: "repeated", type: "Value", id: 1 } } },
    Value: { fields: { tag: { type: "string", id: 1 }, simpleValue: { type: "float", id: 2 } } },
  },
}).lookupType("Event");

/** Returns TFRecord's mask of a checksum. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Length, checksum of it, and checksum of the data. */
const FRAME_BYTES = 16;

function framed(data: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES + data.length);
  frame.writeBigUInt64LE(BigInt(data.length), 0);
  frame.writeUInt32LE(maskedChecksum(frame.subarray(0, 8)), 8);
  frame.set(data, 12);
  frame.writeUInt32LE(maskedChecksum(data), 12 + data.length);
  return frame;
}

/** One value of a curve. */
export interface Scalar {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly wallTime: number;
}

/** Returns the scalars of an event file, and the number of bytes in complete frames: a file may end anywhere while it is written. */
export function readScalars(bytes: Buffer): { scalars: Scalar[]; end: number } {
  const scalars: Scalar[] = [];
  let end = 0;
  while (end + 12 <= bytes.length) {
    const length = Number(bytes.readBigUInt64LE(end));
    const next = end + length + FRAME_BYTES;
    if (next > bytes.length) break;
    const event: DecodedEvent = Event.toObject(Event.decode(bytes.subarray(end + 12, end + 12 + length)), {
      longs: Number,
    });
    const { step = 0, wallTime = 0 } = event;
    for (const { tag, simpleValue } of event.summary?.value ?? [])
      if (tag !== undefined && simpleValue !== undefined)
        scalars.push({ tag, step, value: simpleValue, wallTime });
    end = next;
  }
  return { scalars, end };
}

/** An event as decoded by protobuf: default values are absent. */
interface DecodedEvent {
  readonly step?: number;
  readonly wallTime?: number;
  readonly summary?: { readonly value?: readonly { readonly tag?: string; readonly simpleValue?: number }[] };
}

/** Appends scalars to an event file. A resumed run starts a new file, which TensorBoard joins to the first. */
export class TensorboardWriter {
  private readonly path: string;
  private started = false;

  constructor(private readonly folder: string) {
    const seconds = Math.floor(Date.now() / 1000);
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.0`);
  }

  /** Writes one value of each tag at a step. */
  async scalars(values: Readonly<Record<string, number>>, step: number): Promise<void> {
    const wallTime = Date.now() / 1000;
    const value = Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue }));
    const events = [
      ...(this.started ? [] : [{ wallTime, fileVersion: "brain.Event:2" }]),
      { wallTime, step, summary: { value } },
    ];
    const bytes = Buffer.concat(
      events.map((event) => framed(Event.encode(Event.fromObject(event)).finish())),
    );
    await explainingErrors(this.path, async () => {
      await createFolder(this.folder);
      await appendFile(this.path, bytes);
    });
    this.started = true;
  }
}
