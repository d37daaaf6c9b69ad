/**
 * A run's status, from its files and its process. `unknown`: its end is not recorded, and its process cannot be checked because the
 * folder is not trusted. `damaged`: its record cannot be read.
 */
export type RunStatus =
  | "queued"
  | "running"
  | "finished"
  | "stopped"
  | "failed"
  | "interrupted"
  | "unknown"
  | "damaged";

/** Whether a run of this status waits or trains. */
export const isActive = (status: RunStatus): boolean => status === "queued" || status === "running";
