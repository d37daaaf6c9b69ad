import type { RunEvent } from "../../facts/run-events.ts";

/**
 * Events on their way to a page, which may be slower than a run: those that come while it draws are gathered, and go when it has drawn.
 * Without this they would queue up in VS Code's window, and everything else behind them.
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

  /** The page has got the run's history, with all that waits. */
  drop(run: string): void {
    this.waiting.delete(run);
  }

  /** The page was loaded again, and knows nothing. */
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
