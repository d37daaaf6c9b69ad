import { basename } from "node:path";

/** The name of a configuration's job, as BiaPy allows it: the file's, in letters, digits and `_`. */
export function jobName(configFile: string): string {
  const stem = basename(configFile).replace(/(\.biapy)?\.ya?ml$/i, "");
  const name = stem.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "");
  return name === "" ? "job" : name;
}
