/** In a folder that is not trusted, configurations are edited and images viewed; nothing runs. */
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
  // A missing path is reported in Restricted Mode too.
  await workbench.editor.locator(".squiggly-error").first().waitFor();
  const dialog = page.getByRole("dialog", { name: /trust/ });
  for (const command of ["Run Training", "Apply Model to Images…", "Show Features…", "Select Device…"]) {
    await workbench.command(`BiaPy: ${command}`);
    await dialog.waitFor();
    await workbench.screenshot("refused");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
  }
  await workbench.openFile("nuclei-train.tif");
  await (await workbench.viewer("nuclei-train.tif,"))
    .getByRole("img", { name: "nuclei-train.tif" })
    .waitFor();
  await workbench.screenshot("viewer");
  assert.ok(!existsSync(join(folder, "results")));
});
