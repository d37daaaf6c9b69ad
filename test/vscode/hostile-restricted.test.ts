/** A hostile folder that is not trusted: nothing is connected to, started, written or removed. */
import assert from "node:assert/strict";
import { connectionsToOurs, hostileWindow, lookAround } from "./hostile-folder.ts";

const scenario = hostileWindow({ "security.workspace.trust.startupPrompt": "never" });

scenario("a hostile folder in Restricted Mode is only read", async ({ workbench }) => {
  const { page } = workbench;
  await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
  await lookAround(workbench, { foreign: /unknown/, ours: /unknown/ }, (panel) =>
    panel.getByText("it is not on this computer").first().waitFor(),
  );
  assert.equal(await workbench.result("elsewhere").count(), 0);
  assert.equal(connectionsToOurs(), 0);
});
