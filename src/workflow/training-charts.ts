/** The charts of a training. They are drawn from its log, in a thread of their own, while the run goes on. */
import type { ResultTree } from "../facts/result-tree.ts";
import { TimeShare } from "../facts/time-share.ts";
import { writeCharts } from "../results/chart-thread.ts";
import { readTrainLog, trainLogPath } from "../results/train-log.ts";
import type { SideResults } from "./side-results.ts";

/** Starting the thread takes a tenth of a second: a training of a few seconds draws charts only once. */
const WAIT = 10_000;
/** Maximum share of the training time in which charts are drawn. */
const SHARE = 0.03;

export class TrainingCharts {
  private readonly time = new TimeShare(SHARE, { wait: WAIT });
  private drawing: Promise<unknown> = Promise.resolve();
  /** The last epoch in the charts. */
  private shown: number | undefined;

  constructor(
    private readonly tree: ResultTree,
    private readonly results: SideResults,
  ) {}

  /** Draws the epochs so far, unless drawing has taken more than its share of the time. */
  update(): void {
    this.next(() => this.time.spend(() => this.draw()));
  }

  /** Draws all epochs, unless they are drawn. */
  begin(): void {
    this.next(() => this.draw());
  }

  /** Resolves when no chart is being drawn. Throws what the drawing threw. */
  async drawn(): Promise<void> {
    await this.drawing;
  }

  /** Draws after what is being drawn. */
  private next(draw: () => Promise<unknown>): void {
    this.drawing = this.drawing.then(draw);
    // It is thrown where the drawing is awaited.
    this.drawing.catch(() => {});
  }

  private draw(): Promise<void> {
    return this.results.attempt("Charts", async () => {
      const history = await readTrainLog(trainLogPath(this.tree));
      const last = history.at(-1)?.epoch;
      if (last === this.shown) return;
      this.shown = last;
      await writeCharts(this.tree, history);
    });
  }
}
