import { epochLoss } from "../../facts/epoch-loss.ts";
import { SteadyTimeLeft } from "../../facts/format.ts";
import type { RunEvent } from "../../facts/run-events.ts";

/** A run's progress, computed from its events. */
export class RunProgress {
  private epoch = 0;
  private epochs = 0;
  private readonly left = new SteadyTimeLeft();
  /** `about 20 min`; undefined while there is no estimate. */
  timeLeft: string | undefined;
  private doing = "";
  private best = Number.POSITIVE_INFINITY;

  add(events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.event === "start") {
        this.epochs = event.epochs;
        this.epoch = event.firstEpoch;
        this.doing = "";
      } else if (event.event === "step") {
        this.epoch = event.epoch;
        this.timeLeft = this.left.update(event.secondsLeft);
        this.doing = "";
      } else if (event.event === "epoch") {
        this.epochs = event.epochs;
        this.timeLeft = this.left.update(event.secondsLeft);
        this.best = Math.min(this.best, epochLoss(event) ?? Number.POSITIVE_INFINITY);
      } else if (event.event === "progress") {
        this.doing = event.label;
        this.timeLeft = this.left.update(event.secondsLeft);
      }
    }
  }

  /** The lowest loss so far; nothing before the end of the first epoch. */
  get bestLoss(): number | undefined {
    return Number.isFinite(this.best) ? this.best : undefined;
  }

  /** `epoch 3/150, about 20 min left`; empty while nothing is known. */
  get text(): string {
    const where = this.doing || (this.epochs > 0 ? `epoch ${this.epoch}/${this.epochs}` : "");
    const left = this.timeLeft === undefined ? "" : `${this.timeLeft} left`;
    return [where, left].filter((part) => part !== "").join(", ");
  }
}
