/** What windows and supervisors say to each other, one message per line. */
import * as v from "valibot";
import { connectTo } from "../facts/lock/address.ts";

/** What a window asks of a supervisor, one word per line: to stop after the step, or to end at once. */
export type Request = "stop" | "kill";

/** Asks the supervisor at an address, where there is one. */
export async function ask(address: string, request: Request): Promise<void> {
  const socket = await connectTo(address);
  socket?.end(`${request}\n`);
}

/** What a supervisor tells every window: the number of bytes of events written, or that the record has changed. */
export const noticeSchema = v.union([
  v.object({ events: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) }),
  v.object({ record: v.literal(true) }),
]);
export type Notice = v.InferOutput<typeof noticeSchema>;
