import type { RunEvent } from "../../facts/run-events.ts";

/**
 * Buffers events for a page that may be slower than a run: events that arrive while it draws are sent as one batch afterwards.
 * Without this they would queue up in VS Code's window and delay everything else.
 */
export class EventOutbox {
  private readonly waiting = new Map<string, RunEvent[]>();
  private drawing = false;

  constructor(private readonly send: (run: string, events: readonly RunEvent[]) => void) {}

  add(run: string, events: readonly RunEvent[]): void {
    const before = this.waiting.get(run);
    if (before === undefined) this.waiting.set(run, [...events]);
    else before.push(...events);
    if (!this.drawing) this.sendAll();
  }

  /** The page has drawn what it was sent. */
  drawn(): void {
    this.drawing = false;
    this.sendAll();
  }

  /** The page has received the run's history, including the buffered events. */
  drop(run: string): void {
    this.waiting.delete(run);
  }

  /** The page was reloaded and has no data. */
  clear(): void {
    this.waiting.clear();
    this.drawing = false;
  }

  private sendAll(): void {
    for (const [run, events] of this.waiting) {
      this.drawing = true;
      this.send(run, events);
    }
    this.waiting.clear();
  }
}
