interface Allowance {
  /** Milliseconds that may be spent in any case. Defaults to none. */
  readonly free?: number;
  /** Milliseconds at the beginning that grant no time. Defaults to none. */
  readonly wait?: number;
  /** A clock in milliseconds. */
  readonly now?: () => number;
}

/** Limits something that accompanies a long work, such as its previews, to a share of its time. */
export class TimeShare {
  private readonly now: () => number;
  /** When the first time is granted. */
  private readonly start: number;
  private readonly free: number;
  private spent = 0;

  /** @param share of the time since the beginning, between 0 and 1 */
  constructor(
    private readonly share: number,
    { free = 0, wait = 0, now = () => performance.now() }: Allowance = {},
  ) {
    this.now = now;
    this.free = free;
    this.start = now() + wait;
  }

  /** Does something if there is time left, and counts its time. Returns whether it was done. */
  async spend(work: () => Promise<void>): Promise<boolean> {
    const started = this.now();
    if (this.spent > this.free + this.share * (started - this.start)) return false;
    try {
      await work();
    } finally {
      this.spent += this.now() - started;
    }
    return true;
  }
}
