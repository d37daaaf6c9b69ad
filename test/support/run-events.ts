import type { NewRunEvent } from "../../src/facts/run-events.ts";

/** Returns the messages that a run logged, in order. */
export const messagesOf = (events: readonly NewRunEvent[]): string[] =>
  events.flatMap((event) => (event.event === "log" ? [event.message] : []));
