/** Limits something that accompanies a long work to a share of its time. */
export class TimeShare {
  private readonly begun: number;
  private spent = 0;

  /**
   * @param share of the time since the beginning, between 0 and 1
   * @param free milliseconds that may be spent in any case
   * @param now a clock in milliseconds
   */
  constructor(
    private readonly share: number,
    private readonly free: number,
    private readonly now = () => performance.now(),
  ) {
    this.begun = now();
  }

  /** Whether there is time to spend. */
  get isLeft(): boolean {
    return this.spent <= this.free + this.share * (this.now() - this.begun);
  }

  /** Does something, and counts its time. */
  async spend(work: () => Promise<void>): Promise<void> {
    const started = this.now();
    try {
      await work();
    } finally {
      this.spent += this.now() - started;
    }
  }
}
