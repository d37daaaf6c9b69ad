/** Runs the suite in a desktop VS Code, which it downloads if needed: `npm run test:electron`. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { runTests } from "@vscode/test-electron";
import { buildSuite } from "./build-suite.ts";

execFileSync(process.execPath, ["esbuild.mjs"], { stdio: "inherit" });
const suite = await buildSuite();
const workspace = mkdtempSync(join(tmpdir(), "biapy-electron-"));
cpSync("media/samples", workspace, { recursive: true });
try {
  await runTests({
    extensionDevelopmentPath: resolve("."),
    extensionTestsPath: suite,
    launchArgs: [workspace, "--disable-extensions", "--disable-workspace-trust"],
  });
} finally {
  const result = join(dirname(suite), "result.txt");
  if (existsSync(result)) console.log(readFileSync(result, "utf8"));
  rmSync(workspace, { recursive: true, force: true, maxRetries: 5 });
}
