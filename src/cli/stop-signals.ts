/** Signals that ask to stop. A terminal that is closed sends SIGHUP. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
