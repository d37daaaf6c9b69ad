/** Messages between windows and supervisors, one per line. */
import * as v from "valibot";
import { connectTo } from "../facts/lock/address.ts";

/** A window's request, one word per line: stop after the step, or end at once. */
export type Request = "stop" | "kill";

/** Sends a request to the supervisor at an address, if one listens there. */
export async function ask(address: string, request: Request): Promise<void> {
  const socket = await connectTo(address);
  socket?.end(`${request}\n`);
}

/** A supervisor's notice to every window: the number of bytes of events written, or that the record has changed. */
export const noticeSchema = v.union([
  v.object({ events: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) }),
  v.object({ record: v.literal(true) }),
]);
export type Notice = v.InferOutput<typeof noticeSchema>;
