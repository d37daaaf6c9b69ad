/** The user's notes about a run. */
export interface RunNotes {
  /** A name given by the user; empty for the default name. */
  readonly title: string;
  readonly notes: string;
  readonly starred: boolean;
}
