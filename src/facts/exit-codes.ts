/** Exit codes of the command and of tasks that run it. 130 is the code that shells use for an interrupt. */
export const EXIT = { done: 0, failed: 1, badInput: 2, stopped: 130 } as const;
