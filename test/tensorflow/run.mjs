// Installs TensorFlow as a user would, into .tensorflow, and runs the tests of it as a runtime: `npm run test:tensorflow`.
// Where it cannot be installed the tests are skipped, in words.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const env = { ...process.env, BIAPY_STORAGE: process.env.BIAPY_STORAGE ?? resolve(".tensorflow") };
const node = (...args) =>
  spawnSync(process.execPath, ["--import", "./test/register.mjs", ...args], {
    stdio: ["ignore", "inherit", "pipe"],
    encoding: "utf8",
    env,
  });

if (process.platform !== "linux" || process.arch !== "x64") {
  console.log("SKIPPED: TensorFlow's binding is built on 64-bit Linux for Intel and AMD only.");
  process.exit(0);
}
const installed = node("src/cli/main.ts", "--install_tensorflow");
if (installed.status !== 0) {
  console.log(`SKIPPED: TensorFlow could not be installed here. ${installed.stderr.trim()}`);
  // Continuous integration must not pass for want of it.
  process.exit(process.env.CI ? 1 : 0);
}
if (process.argv.includes("--install-only")) process.exit(0);
const tests = node("--test", "test/tensorflow/losses.test.ts");
process.stderr.write(tests.stderr);
process.exit(tests.status ?? 1);
