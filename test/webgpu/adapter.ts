import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { installed } from "../support/machine.ts";

const DRIVERS = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
];

/** The environment in which WebGPU finds an adapter. Throws `Unavailable`. */
export function adapterEnvironment(): Readonly<Record<string, string>> {
  if (process.platform === "win32" || process.platform === "darwin" || process.env.VK_ICD_FILENAMES)
    return {};
  const driver = installed("SwiftShader", ["chromium"], () => DRIVERS.find((path) => existsSync(path)));
  const libraries = [dirname(driver), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: libraries };
}
