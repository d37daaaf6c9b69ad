/** What the command ends with: 130 is what shells give for an interrupt. */
export const EXIT = { done: 0, failed: 1, badInput: 2, stopped: 130 } as const;
