/** Images for which the disk has no room. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/temporary-folder.ts";

const WRITE = fileURLToPath(new URL("../support/write-images.ts", import.meta.url));
const REGISTER = fileURLToPath(new URL("../register.mjs", import.meta.url));

/** Returns what is said of each format where files may have so many kilobytes. */
function said(folder: string, kilobytes: number): string[] {
  // Without the trap, the signal of the limit would end the process.
  const shell = `trap '' XFSZ; ulimit -f ${kilobytes}; exec "$@"`;
  const args = ["-c", shell, "bash", process.execPath, "--import", REGISTER, WRITE, folder];
  return execFileSync("bash", args, { encoding: "utf8" }).trim().split("\n");
}

test("an image that does not fit is named with the reason, and nothing of it is left", {
  skip: process.platform === "win32" && "Windows has no such limit",
}, () => {
  const folder = temporaryFolder();
  const [tif, zarr, h5] = said(folder, 64);
  const refused = (ending: string) => `${ending}: ${join(folder, `image.${ending}`)} could not be written: `;
  assert.equal(tif, `${refused("tif")}the system allows no larger files.`);
  assert.equal(zarr, `${refused("zarr")}the system allows no larger files.`);
  assert.equal(h5, `${refused("h5")}File too large.`);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(said(folder, 4096), ["tif: written", "zarr: written", "h5: written"]);
});
