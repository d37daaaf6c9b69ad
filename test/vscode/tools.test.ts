/** What stands around a training: devices, runtimes to fetch, TensorBoard, and a training that starts from another. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until } from "./workbench.ts";

/** Stands for the package indexes: it takes a question and never answers it. */
const index: Server = createServer(() => {});
await new Promise<void>((resolve) => index.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${(index.address() as AddressInfo).port}/`;
const closeIndex = () =>
  new Promise((resolve) => {
    index.close(resolve);
    index.closeAllConnections();
  });
after(() => (index.listening ? closeIndex() : undefined));

/** A GPU that the system does not show, so that nothing can train on it, and a Docker that one may not use. */
const tools = mkdtempSync(join(tmpdir(), "biapy-tools-"));
const tool = (name: string, script: string) =>
  writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
tool("nvidia-smi", "echo 'NVIDIA RTX A4000, 16376, 15000, 550.54'");
tool("docker", "echo 'permission denied while trying to connect' >&2; exit 1");
after(() => rmSync(tools, { recursive: true }));

const scenario = sampleWindow(
  {
    "cells.biapy.yaml": tinyModel(3),
    ".vscode/settings.json": JSON.stringify({ "biapy.run.confirmCommand": true }),
  },
  {
    environment: {
      PATH: `${tools}${delimiter}${process.env.PATH}`,
      npm_config_registry: address,
      npm_config_fetch_retries: "0",
      PIP_INDEX_URL: address,
    },
  },
);

scenario(
  "the devices of the machine are listed, and the chosen one trains",
  async ({ workbench, folder }) => {
    await workbench.command("BiaPy: Select Device");
    await workbench.entries.filter({ hasText: `${cpus().length} cores` }).waitFor();
    await workbench.entries.filter({ hasText: "Fastest" }).waitFor();
    await workbench.screenshot("1-devices");
    await workbench.choose("NVIDIA RTX A4000");
    const dialog = workbench.page.getByRole("dialog", { name: "What does not train here, and why" });
    await dialog
      .getByText("Without WebGPU: the system shows it to CUDA only, not as a graphics adapter.")
      .waitFor();
    await dialog.getByText("Without CUDA: ").waitFor();
    await workbench.screenshot("1-devices-why");
    await dialog.getByRole("button", { name: "OK" }).click();
    await workbench.choose(/CPU/);
    const settings = join(folder, ".vscode/settings.json");
    await until(
      async () => readFileSync(settings, "utf8").includes('"biapy.run.gpu": "cpu"') || undefined,
      "the setting",
    );
    await workbench.command("BiaPy: Run Training");
    await workbench.entries.filter({ hasText: "--gpu cpu" }).first().waitFor();
    await workbench.choose("Train");
    const panel = await workbench.runStatus(/Finished/);
    await panel.locator(".facts", { hasText: /Device.*CPU/ }).waitFor();
  },
);

scenario(
  "an engine that cannot train says whole what it needs, and can be selected",
  async ({ workbench }) => {
    await workbench.command("BiaPy: Select Engine");
    await workbench.entries.filter({ hasText: "You may not use Docker." }).waitFor();
    await workbench.screenshot("2-engines");
    await workbench.choose("BiaPy in Docker");
    const dialog = workbench.page.getByRole("dialog", { name: "BiaPy in Docker cannot train here yet" });
    // A list has no room for what is to be done.
    await dialog
      .getByText("Add yourself to the group docker (sudo usermod -aG docker $USER) and log in again.")
      .waitFor();
    await workbench.screenshot("2-engines-why");
    await dialog.getByRole("button", { name: "Select It Anyway" }).click();
    const engine = (label: string) => workbench.page.locator(".statusbar-item", { hasText: label });
    await engine("BiaPy in Docker").waitFor();
    await workbench.command("BiaPy: Select Engine");
    await workbench.choose("Embedded engine");
    await engine("Embedded engine").waitFor();
  },
);

scenario(
  "what a runtime needs is said before it is fetched, and fetching is cancelled",
  async ({ workbench }) => {
    await workbench.dismissNotices();
    await workbench.command("BiaPy: Install GPU Runtime");
    await workbench.entries
      .filter({ hasText: /CUDA.*GB/ })
      .first()
      .waitFor();
    await workbench.screenshot("2-runtimes");
    const asked = new Promise((resolve) => index.once("request", resolve));
    await workbench.choose("TensorFlow for the CPU");
    const notice = await workbench.notice("Installing TensorFlow for the CPU");
    await asked;
    await workbench.screenshot("3-fetching");
    await notice.getByRole("button", { name: "Cancel" }).click();
    await notice.waitFor({ state: "detached" });
  },
);

scenario("an index that cannot be reached is said in plain words", async ({ workbench }) => {
  await closeIndex();
  await workbench.command("BiaPy: Install GPU Runtime");
  await workbench.choose("TensorFlow for the CPU");
  await workbench.notice(/cannot be reached|could not be reached/);
  await workbench.screenshot("4-unreachable");
  await workbench.dismissNotices();
});

scenario(
  "TensorBoard opens where there is one, and where not it is said",
  async ({ vscode, workbench, folder }) => {
    await workbench.dismissNotices();
    await workbench.command("BiaPy: Open in TensorBoard");
    await workbench.notice("TensorBoard was not found");
    await workbench.screenshot("7-no-tensorboard");
    const python = process.env.BIAPY_PYTHON ?? "";
    if (python === "") {
      console.log("SKIPPED: TensorBoard itself, BIAPY_PYTHON names no Python environment.");
      return;
    }
    mkdirSync(join(folder, ".vscode"), { recursive: true });
    writeFileSync(join(folder, ".vscode/settings.json"), JSON.stringify({ "biapy.python.path": python }));
    const tab = vscode.nextTab();
    await until(async () => {
      await workbench.dismissNotices();
      await workbench.command("BiaPy: Open in TensorBoard");
      await workbench.notice(/TensorBoard/);
      return (
        (await workbench.page.locator(".notification-toast", { hasText: "Starting" }).count()) > 0 ||
        undefined
      );
    }, "the setting to be heeded");
    await workbench.screenshot("8-tensorboard-starts");
    const board = await tab;
    // The editor's address for it goes through this server, which forwards no ports; the board itself is behind the last number.
    const port = board.url().match(/\d+/g)?.at(-1);
    await board.goto(`http://localhost:${port}/`);
    await board.getByText(/loss/i).first().waitFor({ timeout: TRAINED });
    await vscode.screenshot(board, "9-tensorboard");
    await board.close();
    await workbench.page.bringToFront();
  },
);

scenario("a training starts from another's checkpoint", async ({ workbench, folder }) => {
  await workbench.command("BiaPy: Show Results");
  await workbench.expand(".sidebar", "cells, run 1");
  await workbench.expand(".sidebar", "Checkpoints");
  await workbench.fromMenu(
    workbench.result("checkpoint-best.pth"),
    "Use as Checkpoint for a New Configuration",
  );
  const target = join(folder, "further.biapy.yaml");
  await workbench.givePath("A configuration that starts from cells, run 1", target);
  await workbench.soundConfiguration("further.biapy.yaml");
  await workbench.screenshot("5-from-checkpoint");
  const text = readFileSync(target, "utf8");
  assert.match(text, /LOAD_CHECKPOINT: True/);
  assert.match(text, /CHECKPOINT_FILE: '?results\/cells\/checkpoints\/cells_1-checkpoint-best\.pth/);
  await workbench.train();
  const panel = await workbench.runStatus(/Finished/);
  await panel
    .getByRole("region", { name: "Log" })
    .getByText(/cells_1-checkpoint-best\.pth/)
    .first()
    .waitFor();
  await panel.getByRole("region", { name: "Log" }).scrollIntoViewIfNeeded();
  await workbench.screenshot("6-trained-further");
});
