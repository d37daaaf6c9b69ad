/** Real BiaPy from the editor: selected, run and debugged. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lives } from "../support/processes.ts";
import { tinyModel } from "./configurations.ts";
import { environmentUpon, pretendTwoGpus } from "./python-environment.ts";
import { type Scenario, sampleWindow } from "./sample-window.ts";
import { until, type Workbench } from "./workbench.ts";

/** BiaPy alone takes ten seconds to start on a quiet machine. */
const TRAINED = 200_000;

const MISSING = "there is no environment with BiaPy (npm run test:biapy makes one)";
const python = process.env.BIAPY_PYTHON ?? "";
const SETTINGS = ".vscode/settings.json";
const environmentFolder = mkdtempSync(join(tmpdir(), "biapy-environment-"));
const environment = python === "" ? undefined : environmentUpon(python, environmentFolder);

const scenario: Scenario =
  environment === undefined
    ? (name) => test(name, { skip: MISSING })
    : sampleWindow({
        "cells.biapy.yaml": tinyModel(1),
        // A process of its own reads the images; it is debugged too.
        "short.biapy.yaml": `${tinyModel(1)}SYSTEM:\n    NUM_WORKERS: 1\n`,
        // Not in the user's settings: on a server, those of machine scope do not apply.
        [SETTINGS]: JSON.stringify({
          "biapy.python.path": environment.python,
          "biapy.run.confirmCommand": true,
        }),
      });

after(() => rmSync(environmentFolder, { recursive: true, force: true }));

scenario("BiaPy is selected, and trains from the palette to its end", async ({ workbench, folder }) => {
  await workbench.command("BiaPy: Select Engine…");
  await workbench.entries.filter({ hasText: "BiaPy 3.7.1" }).waitFor();
  await workbench.screenshot("1-engines");
  await workbench.choose("BiaPy in Python");
  await workbench.page.locator(".statusbar-item", { hasText: "BiaPy in Python" }).waitFor();
  await workbench.command("BiaPy: Run Training");
  await workbench.entries.filter({ hasText: "biapy --config" }).first().waitFor();
  await workbench.screenshot("2-command");
  await workbench.choose("Train");
  await workbench.runStatus(/Running/);
  await workbench.screenshot("3-running");
  await workbench.runStatus(/Finished/, TRAINED);
  await workbench.screenshot("4-finished");
  assert.ok(existsSync(join(folder, "results/cells/checkpoints/cells_1-checkpoint-best.pth")));
});

scenario("the panel shows BiaPy's curves and images", async ({ workbench }) => {
  const panel = await workbench.panel();
  const curves = panel.getByRole("region", { name: "Curves" });
  for (const title of ["Loss", "PSNR (dB)", "SSIM"])
    await curves.getByText(title, { exact: true }).first().waitFor();
  await curves.getByText("More curves").click();
  await curves.getByText("Learning rate", { exact: true }).first().waitFor();
  const images = panel.getByRole("region", { name: "Images" });
  await images
    .getByRole("img", { name: /\d+ by \d+ pixels/ })
    .first()
    .waitFor();
  await images
    .getByRole("img", { name: /\d+ by \d+ pixels/ })
    .first()
    .scrollIntoViewIfNeeded();
  await workbench.screenshot("5-images");
});

scenario("the results browser shows what BiaPy wrote", async ({ workbench }) => {
  await workbench.command("BiaPy: Show Results");
  await workbench.expand(".sidebar", "cells, run 1");
  for (const group of ["Configuration", "Checkpoints", "MAE_checks", "Images", "Logs"])
    await workbench.result(group).waitFor();
  await workbench.screenshot("6-results");
});

/** Sets a breakpoint in the first line of one of BiaPy's files that contains a text. */
async function breakInBiapy(workbench: Workbench, file: string, text: string): Promise<void> {
  const path = join(environment?.packages ?? "", "biapy", file);
  const line = readFileSync(path, "utf8")
    .split("\n")
    .findIndex((each) => each.includes(text));
  await workbench.openPath(path);
  await workbench.setBreakpoint(line + 1);
}

/** Debugs a configuration, with a breakpoint in the first line of one of BiaPy's files that contains a text. */
async function debug(workbench: Workbench, configuration: string, file: string, text: string): Promise<void> {
  await workbench.command("View: Close All Editors");
  await breakInBiapy(workbench, file, text);
  await workbench.openFile(configuration);
  await workbench.command("BiaPy: Debug Training");
}

async function continueToTheEnd(workbench: Workbench): Promise<void> {
  await workbench.command("Remove All Breakpoints");
  await workbench.command("Debug: Continue");
  await workbench.runStatus(/Finished/, TRAINED);
}

scenario("a debugged BiaPy stops at a breakpoint and continues to its end", async ({ workbench, folder }) => {
  const { page } = workbench;
  await debug(workbench, "short.biapy.yaml", "engine/train_engine.py", ".backward(");
  const dialog = page.getByRole("dialog", { name: "debugpy" });
  await dialog.waitFor();
  await workbench.screenshot("7-debugpy-missing");
  await dialog.getByRole("button", { name: "Install debugpy" }).click();
  await page.locator(".codicon-debug-stackframe").first().waitFor({ timeout: TRAINED });
  await workbench.expand(".debug-call-stack", "MainThread");
  await page.locator(".debug-call-stack .monaco-list-row", { hasText: "train_one_epoch" }).waitFor();
  await workbench.expand(".debug-variables", "Locals");
  await page.locator(".debug-variables .monaco-list-row", { hasText: /^batch\b/ }).waitFor();
  await workbench.screenshot("8-breakpoint");
  await continueToTheEnd(workbench);
  await workbench.screenshot("9-debugged-to-the-end");
  assert.ok(existsSync(join(folder, "results/short/checkpoints/short_1-checkpoint-best.pth")));
});

scenario("a breakpoint in the process that reads the images is hit", async ({ workbench, folder }) => {
  const { page } = workbench;
  await debug(
    workbench,
    "short.biapy.yaml",
    "data/generators/single_base_data_generator.py",
    "self.load_sample(index)",
  );
  await page.locator(".codicon-debug-stackframe").first().waitFor({ timeout: TRAINED });
  const sessions = page.locator(".debug-call-stack .monaco-list-row");
  await sessions.filter({ hasText: /Subprocess.*Paused on breakpoint/i }).waitFor();
  await workbench.expand(".debug-variables", "Locals");
  await page.locator(".debug-variables .monaco-list-row", { hasText: /^index\b/ }).waitFor();
  await workbench.screenshot("10-worker-breakpoint");
  await continueToTheEnd(workbench);
  await workbench.screenshot("11-worker-debugged-to-the-end");
  assert.ok(existsSync(join(folder, "results/short/checkpoints/short_2-checkpoint-best.pth")));
});

scenario("each process of torch.distributed.run is debugged, and ended", async ({ workbench, folder }) => {
  assert.ok(environment);
  const { page } = workbench;
  pretendTwoGpus(environment);
  // Paused processes cannot stop by themselves: they are ended after this time.
  const changed = { "biapy.run.gpu": "0,1", "biapy.run.stopSeconds": 5 };
  const settings = { ...JSON.parse(readFileSync(join(folder, SETTINGS), "utf8")), ...changed };
  writeFileSync(join(folder, SETTINGS), JSON.stringify(settings));
  await debug(workbench, "cells.biapy.yaml", "engine/train_engine.py", ".backward(");
  const sessions = page.locator(".debug-call-stack .monaco-list-row");
  const paused = new Set<number>();
  const look = async () => {
    // A row scrolls out of the list when another unfolds above it.
    for (const row of await sessions.allInnerTexts()) {
      const [, pid] = /Subprocess (\d+)\s.*Paused on breakpoint/is.exec(row) ?? [];
      if (pid !== undefined) paused.add(Number(pid));
    }
    return paused.size === 2 || undefined;
  };
  await until(look, "two processes at the breakpoint", TRAINED);
  await workbench.screenshot("12-both-processes-paused");
  const live = () => [...paused].filter(lives);
  assert.equal(live().length, 2);
  await workbench.command("BiaPy: Stop Training");
  await workbench.runStatus(/Stopped/, TRAINED);
  await until(async () => live().length === 0 || undefined, "the end of both processes");
});
