/** The engines as people read them, by the values of the setting `biapy.engine`. */
export const ENGINE_LABELS = {
  embedded: "Embedded engine",
  biapy: "BiaPy in Python",
  docker: "BiaPy in Docker",
} as const;

/** An engine as people read it, by what a run's record calls it; one of another version of ours keeps its name. */
export function engineLabel(id: string): string {
  return (ENGINE_LABELS as Readonly<Record<string, string>>)[id] ?? id;
}
