/**
 * Runs the tests of training by WebGPU: `npm run test:webgpu`. They use this machine's GPU, or SwiftShader, a Vulkan driver in
 * software that comes with Debian's chromium and is installed by apt where that may be done. Elsewhere they are skipped, in words.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { installed, orSkip } from "../support/machine.ts";

const DRIVERS = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
];

/** The environment in which WebGPU finds an adapter. Throws `Unavailable`. */
function adapterEnvironment(): Readonly<Record<string, string>> {
  if (process.platform === "win32" || process.platform === "darwin" || process.env.VK_ICD_FILENAMES)
    return {};
  const driver = installed("SwiftShader", ["chromium"], () => DRIVERS.find((path) => existsSync(path)));
  const libraries = [dirname(driver), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: libraries };
}

const environment = orSkip(
  "training by WebGPU needs a GPU, named by its Vulkan driver in VK_ICD_FILENAMES, or one in software",
  adapterEnvironment,
);
const files = ["training", "architectures", "command"].map((name) => `test/webgpu/${name}.test.ts`);
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  { stdio: "inherit", env: { ...process.env, ...environment } },
);
process.exit(status ?? 1);
