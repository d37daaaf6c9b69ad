/** What a person wrote about a run. */
export interface RunNotes {
  /** A name of one's own; empty for the usual one. */
  readonly title: string;
  readonly notes: string;
  readonly starred: boolean;
}
