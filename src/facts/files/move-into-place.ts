/** Replaces files that other programs may have open. */

import { rename } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { errorCode } from "../errors.ts";

/** Error codes of Windows for a file that another program has open, such as a viewer or a virus scanner. */
const HELD = ["EPERM", "EACCES", "EBUSY"];
const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 1500;

/**
 * Renames a temporary file to its final name and replaces an existing file. Windows cannot replace an open file, so the rename is
 * retried there for about 2.5 seconds.
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
