// Runs the tests of training by WebGPU: `npm run test:webgpu`. They use this machine's GPU, or SwiftShader, a Vulkan driver in
// software that comes with Debian's chromium and is installed by apt where that may be done. Elsewhere they are skipped, in words.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";

const DRIVERS = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
];
const driver = () => DRIVERS.find((path) => existsSync(path));
const quietly = (command, ...args) => spawnSync(command, args, { stdio: "ignore" });

/** The environment in which WebGPU finds an adapter, or why there is none. */
function environment() {
  if (process.platform === "win32" || process.platform === "darwin" || process.env.VK_ICD_FILENAMES)
    return {};
  if (driver() === undefined && existsSync("/usr/bin/apt-get") && process.getuid?.() === 0) {
    console.log("Installing chromium for its software GPU, SwiftShader…");
    quietly("apt-get", "update", "-qq");
    quietly("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium");
  }
  const found = driver();
  if (found === undefined)
    return {
      reason: "there is no SwiftShader: install chromium, or name a Vulkan driver in VK_ICD_FILENAMES",
    };
  const libraries = [dirname(found), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return { env: { VK_ICD_FILENAMES: found, LD_LIBRARY_PATH: libraries } };
}

const { env = {}, reason } = environment();
if (reason !== undefined) {
  console.log(`SKIPPED: training by WebGPU needs a GPU or a software one; ${reason}.`);
  process.exit(0);
}
const files = ["training", "command"].map((name) => `test/webgpu/${name}.test.ts`);
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  { stdio: "inherit", env: { ...process.env, ...env } },
);
process.exit(status ?? 1);
