/** Runs that are stopped and resumed, wait for each other, or break. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Frame } from "playwright-core";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until, type Workbench } from "./workbench.ts";

const scenario = sampleWindow({
  "long.biapy.yaml": tinyModel(2000),
  "short.biapy.yaml": tinyModel(3),
  "damaged.biapy.yaml": tinyModel(3).replace("2d/train", "damaged"),
});

/** The first and the last epoch of the loss curve, as its cursor speaks them. */
async function curveSpan(panel: Frame): Promise<{ readonly first: number; readonly last: number }> {
  const curves = panel.getByRole("region", { name: "Curves" });
  const spoken = curves.locator(".spoken");
  const epochAt = async (key: string) => {
    await curves.getByRole("application", { name: /^Loss/ }).press(key);
    const text = await spoken.filter({ hasText: /^Epoch/ }).textContent();
    return Number(/^Epoch ([\d.]+)/.exec(text ?? "")?.[1]);
  };
  return { first: await epochAt("Home"), last: await epochAt("End") };
}

const epochs = async (panel: Frame) =>
  Number(/^(\d+) of/.exec((await panel.locator(".doing").textContent()) ?? "")?.[1]);

scenario("a stopped run is resumed, and its curve continues", async ({ workbench }) => {
  await workbench.train();
  await workbench.runEpoch(5);
  const lenses = workbench.page.locator(".codelens-decoration");
  await lenses.filter({ hasText: "Stop" }).waitFor();
  await (await workbench.panel()).getByRole("button", { name: "Stop" }).click();
  const panel = await workbench.runStatus(/Stopped/);
  await lenses.filter({ hasText: "Train in a Terminal" }).waitFor();
  const stopped = await epochs(panel);
  await workbench.screenshot("1-stopped");
  await panel.getByRole("button", { name: "Resume" }).click();
  await workbench.runStatus(/Running/);
  await workbench.runEpoch(stopped + 4);
  await workbench.screenshot("2-resumed");
  await workbench.command("BiaPy: Stop Training");
  const again = await workbench.runStatus(/Stopped/);
  const { first, last } = await curveSpan(again);
  assert.ok(first < 1, `the curve begins at epoch ${first}`);
  assert.ok(last > stopped + 2, `the curve ends at epoch ${last}, after it was stopped at ${stopped}`);
  await workbench.screenshot("3-one-curve");
});

scenario("runs wait for the one that trains, and can be withdrawn", async ({ workbench, folder }) => {
  await workbench.train();
  await workbench.runEpoch(1);
  await workbench.openFile("short.biapy.yaml");
  await workbench.train();
  const panel = await workbench.runStatus(/Queued/);
  await workbench.command("BiaPy: Show Results");
  await workbench.result("short, run 1").filter({ hasText: "waiting" }).waitFor();
  await workbench.screenshot("4-waits");
  await panel.getByRole("button", { name: "Stop" }).click();
  await workbench.runStatus(/Stopped/);
  await workbench.screenshot("5-withdrawn");
  assert.ok(!readdirSync(join(folder, "results/short")).includes("checkpoints"));
  await workbench.train();
  await workbench.runStatus(/Queued/);
  await workbench.command("BiaPy: Stop Training");
  await workbench.choose("long, run 2");
  await workbench.runStatus(/Finished/);
  await workbench.screenshot("6-its-turn");
});

scenario("a training that is killed is explained, with its log", async ({ workbench, folder }) => {
  await workbench.dismissNotices();
  await workbench.openFile("long.biapy.yaml");
  await workbench.train();
  await workbench.runEpoch(2);
  const record = join(folder, "results/long/.biapy-studio/long_3/run.json");
  process.kill(JSON.parse(readFileSync(record, "utf8")).pid, "SIGKILL");
  const panel = await workbench.runStatus(/Failed/);
  const errors = panel.getByRole("alert", { name: "Errors" });
  await errors.filter({ hasText: "ended from outside" }).waitFor();
  await workbench.screenshot("7-killed");
  await panel.getByRole("button", { name: "Resume" }).waitFor();
  await errors.getByRole("button", { name: "Show Log" }).click();
  await workbench.page.locator(".tab.active", { hasText: "output.log" }).waitFor();
});

scenario(
  "a configuration with a damaged image does not start, and the image is named",
  async ({ workbench, folder }) => {
    await workbench.dismissNotices();
    await cp(join(folder, "2d/train"), join(folder, "damaged"), { recursive: true });
    truncateSync(join(folder, "damaged/nuclei-03.tif"), 5000);
    await workbench.openFile("damaged.biapy.yaml");
    await workbench.command("BiaPy: Run Training");
    await workbench.notice(/nuclei-03\.tif/);
    await workbench.screenshot("8-damaged-image");
    assert.ok(!existsSync(join(folder, "results/damaged")));
  },
);

scenario("a result folder that cannot be written to is named", async ({ workbench, folder }) => {
  await workbench.dismissNotices();
  await workbench.openFile("short.biapy.yaml");
  await setResultFolder(workbench, folder, "/sys/unwritable");
  await workbench.command("BiaPy: Run Training");
  const notice = await workbench.notice("Results cannot be written to /sys/unwritable: the ");
  await workbench.screenshot("9-not-writable");
  await notice.getByRole("button", { name: "Change the Setting" }).click();
  const settings = workbench.page.locator(".settings-editor");
  await settings.filter({ hasText: "Result Folder" }).waitFor();
  // They cover the window, which takes no other keys meanwhile.
  await until(async () => {
    await workbench.page.keyboard.press("Escape");
    await settings.waitFor({ state: "hidden", timeout: 1000 });
    return true;
  }, "the settings to be closed");
});

scenario(
  "a result folder on a drive that is absent is asked about, not created",
  async ({ workbench, folder }) => {
    const absent = "/no-such-drive/results";
    await workbench.dismissNotices();
    writeResultFolder(folder, absent);
    const question = workbench.page.getByRole("dialog").filter({ hasText: `${absent} does not exist` });
    // The setting applies a moment after it is written.
    await until(
      async () => {
        if (await question.isVisible()) return true;
        await workbench.command("BiaPy: Run Training");
        await question.waitFor({ timeout: 10_000 });
        return true;
      },
      "the question",
      TRAINED,
    );
    await workbench.screenshot("9-absent-drive");
    await question.getByRole("button", { name: "Cancel" }).click();
    assert.ok(!existsSync("/no-such-drive"));
  },
);

scenario("a result folder that is full is named", async ({ workbench, folder }, context) => {
  const small = join(folder, "small");
  mkdirSync(small);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", small]).status !== 0) {
    context.skip("only root can mount the small disk that is filled");
    return;
  }
  try {
    await workbench.dismissNotices();
    await setResultFolder(workbench, folder, small);
    await workbench.train();
    const panel = await workbench.runStatus(/Failed/);
    await panel.getByRole("alert", { name: "Errors" }).filter({ hasText: "disk is full" }).waitFor();
    await workbench.screenshot("10-full-disk");
  } finally {
    spawnSync("umount", ["--lazy", small]);
  }
});

/** Writes the setting to the folder's settings and waits until it applies. */
async function setResultFolder(workbench: Workbench, folder: string, results: string): Promise<void> {
  writeResultFolder(folder, results);
  await until(async () => {
    await workbench.command("BiaPy: Show Command Lines");
    await workbench.editor.locator(".view-lines", { hasText: "--result_dir" }).waitFor();
    const applies = (await workbench.visibleText()).includes(basename(results));
    await workbench.command("View: Revert and Close Editor");
    return applies || undefined;
  }, "the result folder to be set");
}

function writeResultFolder(folder: string, results: string): void {
  mkdirSync(join(folder, ".vscode"), { recursive: true });
  writeFileSync(join(folder, ".vscode/settings.json"), JSON.stringify({ "biapy.run.resultFolder": results }));
}
