/** Files that are replaced while others look at them. */

import { rename } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { errorCode } from "../errors.ts";

/** What Windows says of a file that another program has open: one that shows it, or looks for viruses. */
const HELD = ["EPERM", "EACCES", "EBUSY"];
const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 1500;

/**
 * Renames what was written under a temporary name, over what may be there. Windows replaces no file that is open: there it is
 * tried again for three seconds.
 */
export async function moveIntoPlace(temporary: string, path: string): Promise<void> {
  for (let wait = FIRST_WAIT_MS; ; wait *= 2) {
    try {
      return await rename(temporary, path);
    } catch (error) {
      const held = process.platform === "win32" && HELD.includes(errorCode(error) ?? "");
      if (!held || wait > LONGEST_WAIT_MS) throw error;
    }
    await setTimeout(wait);
  }
}
