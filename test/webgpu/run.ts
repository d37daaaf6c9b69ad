/**
 * Runs the tests of training by WebGPU: `npm run test:webgpu`. They use this machine's GPU, or SwiftShader, a Vulkan driver in
 * software that comes with Debian's chromium and is installed by apt where that may be done. Elsewhere they are skipped, in words.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { bundleCommand } from "../command-bundle.mjs";
import { orSkip } from "../support/machine.ts";
import { adapterEnvironment } from "./adapter.ts";

const environment = orSkip(
  "training by WebGPU needs a GPU, named by its Vulkan driver in VK_ICD_FILENAMES, or one in software",
  adapterEnvironment,
);
const files = ["training", "architectures", "command"].map((name) => `test/webgpu/${name}.test.ts`);
const command = await bundleCommand(resolve(".test-output/webgpu/command"));
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=2", ...files],
  { stdio: "inherit", env: { ...process.env, BIAPY_CLI: command, ...environment } },
);
process.exit(status ?? 1);
