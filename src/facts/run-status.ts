/** A run's status, as its files and its process show it. */
export type RunStatus = "queued" | "running" | "finished" | "stopped" | "failed" | "interrupted";
