/** The user's notes about a run, stored in its folder, so that they stay with the results. */

import { join } from "node:path";
import * as v from "valibot";
import { createFolder } from "../facts/files/create-folder.ts";
import { readJson } from "../facts/files/regular-file.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import type { RunNotes } from "../facts/run-notes.ts";
import { type RunPlace, recordFilesOf } from "./record.ts";

const NO_NOTES: RunNotes = { title: "", notes: "", starred: false };

const schema = v.object({ title: v.string(), notes: v.string(), starred: v.boolean() });

const fileOf = (place: RunPlace): string => join(recordFilesOf(place).folder, "notes.json");

/** Returns the notes of a run; empty notes if there are none, or they cannot be read. */
export async function readNotes(place: RunPlace): Promise<RunNotes> {
  return (await readJson(fileOf(place), schema).catch(() => undefined)) ?? NO_NOTES;
}

/** Replaces the notes of a run. Throws `ResultError`. */
export async function writeNotes(place: RunPlace, { title, notes, starred }: RunNotes): Promise<void> {
  await createFolder(recordFilesOf(place).folder);
  await writeFileAtomically(fileOf(place), `${JSON.stringify({ title, notes, starred }, null, 2)}\n`);
}
