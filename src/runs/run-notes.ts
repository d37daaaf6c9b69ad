/** What a person wrote about a run, kept in the run's own folder, where everyone who has the results finds it. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import type { RunNotes } from "../facts/run-notes.ts";
import { type RunPlace, recordFilesOf } from "./record.ts";

const NO_NOTES: RunNotes = { title: "", notes: "", starred: false };

const fileOf = (place: RunPlace): string => join(recordFilesOf(place).folder, "notes.json");

/** Empty notes where there are none, or none that can be read. */
export async function readNotes(place: RunPlace): Promise<RunNotes> {
  try {
    const { title, notes, starred }: Record<string, unknown> = JSON.parse(
      await readFile(fileOf(place), "utf8"),
    );
    return {
      title: typeof title === "string" ? title : "",
      notes: typeof notes === "string" ? notes : "",
      starred: starred === true,
    };
  } catch {
    return NO_NOTES;
  }
}

export async function writeNotes(place: RunPlace, { title, notes, starred }: RunNotes): Promise<void> {
  await mkdir(recordFilesOf(place).folder, { recursive: true });
  await writeFileAtomically(fileOf(place), `${JSON.stringify({ title, notes, starred }, null, 2)}\n`);
}
