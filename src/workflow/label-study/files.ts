import { join } from "node:path";
import { resultTree } from "../../facts/result-tree.ts";

/** The files of a label study besides its runs. */
export interface StudyFiles {
  readonly folder: string;
  readonly chart: string;
  readonly table: string;
}

/** Returns the files of a study by its job: its result folder and name. */
export function studyFiles(resultDirectory: string, name: string): StudyFiles {
  const folder = join(resultTree(resultDirectory, name, 1).jobDirectory, "label_study");
  return { folder, chart: join(folder, "label_study.png"), table: join(folder, "label_study.csv") };
}
