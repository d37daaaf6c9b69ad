/** Labels of the engines, by the values of the setting `biapy.engine`. */
export const ENGINE_LABELS = {
  embedded: "Embedded engine",
  biapy: "BiaPy in Python",
  docker: "BiaPy in Docker",
} as const;

const LABELS_BY_ID: Readonly<Record<string, string>> = ENGINE_LABELS;

/** Returns the label of the engine that a run's record names. Unknown engines, such as those of later versions, keep their name. */
export function engineLabel(id: string): string {
  return LABELS_BY_ID[id] ?? id;
}
