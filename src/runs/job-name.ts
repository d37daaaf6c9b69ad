import { basename } from "node:path";

/** Returns a job name that BiaPy allows: the configuration's file name in letters, digits and `_`. */
export function jobName(configFile: string): string {
  const stem = basename(configFile).replace(/(\.biapy)?\.ya?ml$/i, "");
  const name = stem.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "");
  return name === "" ? "job" : name;
}
