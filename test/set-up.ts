/**
 * Sets up what the tests of one part need of the machine, and runs no test: `node --import ./test/register.mjs test/set-up.ts python`.
 * The tests do so themselves where it was not done before.
 */
import { makeBiapyPython } from "./interop/environment.ts";
import { failureOf, orSkip } from "./support/machine.ts";
import { setUpServer } from "./vscode/set-up-server.ts";
import { adapterEnvironment } from "./webgpu/adapter.ts";
import { setUpWine } from "./windows/set-up-wine.ts";

const SET_UPS: Readonly<Record<string, () => unknown>> = {
  python: makeBiapyPython,
  vscode: setUpServer,
  webgpu: adapterEnvironment,
  windows: setUpWine,
  tensorflow: () => failureOf(process.execPath, ["test/tensorflow/run.mjs", "--install-only"]),
};

const name = process.argv[2] ?? "";
const setUp = SET_UPS[name];
if (setUp === undefined) {
  console.error(`There is no set-up of ${name}: ${Object.keys(SET_UPS).join(", ")}.`);
  process.exit(2);
}
orSkip(`the set-up of ${name}`, setUp);
