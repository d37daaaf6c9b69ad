import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setUpServer } from "./set-up-server.ts";

/**
 * Packages the extension and installs it, alone, for the served VS Code. Returns the environment variables that `ServedVsCode` needs.
 * Throws `Unavailable` if VS Code cannot be set up.
 */
export function prepare(): Record<string, string> {
  const output = resolve(".test-output", "vscode");
  const screenshots = resolve("test/vscode/screenshots");
  const vsix = join(output, "biapy-studio.vsix");
  const extensions = join(output, "extensions");
  const server = setUpServer();
  for (const folder of [output, screenshots]) rmSync(folder, { recursive: true, force: true });
  for (const folder of [extensions, screenshots]) mkdirSync(folder, { recursive: true });
  execFileSync(process.execPath, ["package.mjs", "--out", vsix], { stdio: "inherit" });
  const folders = ["--server-data-dir", join(output, "server"), "--user-data-dir", join(output, "data")];
  const install = [
    "--accept-server-license-terms",
    "--extensions-dir",
    extensions,
    "--install-extension",
    vsix,
  ];
  execFileSync(server.node, [server.entry, ...folders, ...install], { stdio: "inherit" });
  return { BIAPY_SERVED_VSCODE: JSON.stringify({ ...server, extensions, screenshots }) };
}
