interface Allowance {
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
  private spent = 0;

  /** @param share of the time since the beginning, between 0 and 1 */
  constructor(
    private readonly share: number,
    { wait = 0, now = () => performance.now() }: Allowance = {},
  ) {
    this.now = now;
    this.start = now() + wait;
  }

  /** Does something if there is time left, and counts its time. Returns whether it was done: after the wait, the first time always. */
  async spend(work: () => Promise<void>): Promise<boolean> {
    const started = this.now();
    if (this.spent > this.share * (started - this.start)) return false;
    try {
      await work();
    } finally {
      this.spent += this.now() - started;
    }
    return true;
  }
}
