/**
 * A run's status, as its files and its process show it. `unknown`: its end is not recorded, and its process may not be looked for
 * because the folder is not trusted. `damaged`: its record cannot be read.
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
