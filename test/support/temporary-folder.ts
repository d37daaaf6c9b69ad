/** Folders for one test file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const made: string[] = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

/** Makes an empty folder that is removed after all tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "biapy-test-"));
  made.push(folder);
  return folder;
}

/** Returns the path of a file, not written yet, in a temporary folder of its own. */
export const temporaryFile = (name: string): string => join(temporaryFolder(), name);
