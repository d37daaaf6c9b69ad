/** Activation and completion in the genuine VS Code: `npm run bench:editor`. */
import { resolve } from "node:path";
import { build } from "esbuild";
import { prepare } from "../test/vscode/prepare.ts";
import { ServedVsCode } from "../test/vscode/served-vscode.ts";

const ROUNDS = 3;
const suite = resolve(".test-output/bench/index.cjs");

Object.assign(process.env, prepare());
await build({
  entryPoints: ["bench/editor-suite.ts"],
  outfile: suite,
  bundle: true,
  platform: "node",
  format: "cjs",
  external: ["vscode"],
});
for (let round = 0; round < ROUNDS; round++) {
  const vscode = await ServedVsCode.start({ "security.workspace.trust.enabled": false });
  await vscode.runSuite(vscode.workspace("empty"), suite);
  await vscode.close();
}
