/** In a folder that is not trusted, configurations are edited and images looked at; nothing is run. */
import assert from "node:assert/strict";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { ServedVsCode } from "./served-vscode.ts";
import type { Workbench } from "./workbench.ts";

let vscode: ServedVsCode;
let workbench: Workbench;
let folder: string;

const scenario = (name: string, body: () => Promise<void>) => ServedVsCode.scenario(name, () => vscode, body);

before(
  async () => {
    vscode = await ServedVsCode.start({ "security.workspace.trust.startupPrompt": "never" });
    folder = vscode.workspace("cells", "media/samples");
    cpSync("templates/demo.biapy.yaml", join(folder, "demo.biapy.yaml"));
    workbench = await vscode.open(folder);
    await workbench.openFile("demo.biapy.yaml");
    await workbench.languageReady();
  },
  { timeout: 300_000 },
);

after(() => vscode?.close());

scenario("a restricted folder is for editing only", async () => {
  const { page } = workbench;
  await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
  // A path that is not there is told all the same.
  await workbench.editor.locator(".squiggly-error").first().waitFor();
  await workbench.command("BiaPy: Run Training");
  const dialog = page.getByRole("dialog", { name: "Nothing is run in Restricted Mode" });
  await dialog.waitFor();
  await workbench.screenshot("refused");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await workbench.openFile("nuclei-train.tif");
  await (await workbench.viewer()).getByRole("img", { name: "nuclei-train.tif" }).waitFor();
  await workbench.screenshot("viewer");
  assert.ok(!existsSync(join(folder, "results")));
});
