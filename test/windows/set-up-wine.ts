import { resolve } from "node:path";
import { askRegistry, installed, Unavailable, which } from "../support/machine.ts";

/** The folder of Windows' Node.js and of the packages that tests need there. */
export const machine = resolve("test/windows/machine");

/** Wine's path, with Windows' Node.js installed for it. Throws {@link Unavailable}. */
export function setUpWine(): string {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Unavailable("Wine runs them on 64-bit Linux for Intel and AMD only");
  const found = installed("wine", ["wine", "wine64"], () => which("wine"));
  askRegistry("npm", ["ci", "--prefix", machine, "--ignore-scripts", "--force", "--no-audit", "--no-fund"]);
  return found;
}
