/** In a folder that is not trusted, configurations are edited and images looked at; nothing is run. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sampleWindow } from "./sample-window.ts";

const scenario = sampleWindow(
  { "demo.biapy.yaml": readFileSync("templates/demo.biapy.yaml", "utf8") },
  { settings: { "security.workspace.trust.startupPrompt": "never" } },
);

scenario("a restricted folder is for editing only", async ({ workbench, folder }) => {
  const { page } = workbench;
  await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
  // A path that is not there is told all the same.
  await workbench.editor.locator(".squiggly-error").first().waitFor();
  await workbench.command("BiaPy: Run Training");
  const dialog = page.getByRole("dialog", { name: /trust/ });
  await dialog.waitFor();
  await workbench.screenshot("refused");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await workbench.openFile("nuclei-train.tif");
  await (await workbench.viewer()).getByRole("img", { name: "nuclei-train.tif" }).waitFor();
  await workbench.screenshot("viewer");
  assert.ok(!existsSync(join(folder, "results")));
});
