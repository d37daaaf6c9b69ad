/** The language id of configurations, contributed for `*.biapy.yaml` and given to other YAML files by their content. */
export const LANGUAGE = "biapy-yaml";

/** Whether a YAML text is a BiaPy configuration: a PROBLEM section that states its TYPE. */
export function isBiapyConfiguration(text: string): boolean {
  return /^PROBLEM:[^\S\n]*(#.*)?\r?\n(?:[^\S\n]*(#.*)?\r?\n|[^\S\n]+.*\r?\n)*?[^\S\n]+TYPE:/m.test(text);
}
