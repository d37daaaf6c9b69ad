/** What surrounds a training: devices, exports, engines, runtimes to download, TensorBoard, a training that starts from another. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import { unzipSync } from "fflate";
import { parse } from "yaml";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until } from "./workbench.ts";

/** Stands in for the package indexes: accepts requests and never answers them. */
const index: Server = createServer(() => {});
await new Promise<void>((resolve) => index.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${(index.address() as AddressInfo).port}/`;
const closeIndex = () =>
  new Promise((resolve) => {
    index.close(resolve);
    index.closeAllConnections();
  });
after(() => (index.listening ? closeIndex() : undefined));

/** Stands in for the driver of a GPU that no runtime can use, and for a Docker that the user may not use. */
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
    await workbench.command("BiaPy: Select Device…");
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

scenario("a notebook is saved beside the configuration, and opens", async ({ workbench, folder }) => {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Export Colab Notebook…");
  await workbench.acceptSaving("cells.ipynb");
  const notebook = workbench.page.locator(".notebookOverlay");
  await notebook.locator(".code-cell-row", { hasText: "pip install" }).waitFor();
  await workbench.screenshot("2-notebook");
  const { nbformat, nbformat_minor } = JSON.parse(readFileSync(join(folder, "cells.ipynb"), "utf8"));
  assert.deepEqual([nbformat, nbformat_minor], [4, 5]);
});

scenario("a SLURM script is saved with the machines asked for, and bash can read it", async (window) => {
  const { workbench, folder } = window;
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Export SLURM Script…");
  await workbench.answer("How many machines?", "2");
  await workbench.answer("How many GPUs on each machine?", "3");
  await workbench.acceptSaving("cells.slurm.sh");
  await workbench.page.locator('.tab.active[data-resource-name="cells.slurm.sh"]').waitFor();
  await workbench.screenshot("2-slurm");
  const file = join(folder, "cells.slurm.sh");
  execFileSync("bash", ["-n", file]);
  const script = readFileSync(file, "utf8");
  for (const directive of ["--nodes=2", "--gpus-per-node=3", "--cpus-per-task=24"])
    assert.match(script, new RegExp(`^#SBATCH ${directive}$`, "m"));
});

scenario("the command lines of each way to train are shown", async ({ workbench, folder }) => {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Show Command Lines");
  await workbench.page.locator(".tab.active", { hasText: "Untitled" }).waitFor();
  const parts = ["conda activate", "torch.distributed.run", "docker run", join(folder, "cells.biapy.yaml")];
  for (const part of parts)
    await until(async () => (await workbench.visibleText()).includes(part) || undefined, part);
  await workbench.screenshot("2-command-lines");
});

scenario(
  "a trained model is exported for the BioImage Model Zoo, and what is missing is asked for",
  async (window) => {
    const { workbench, folder } = window;
    await workbench.command("BiaPy: Export Model…");
    await workbench.choose("cells, run 1");
    await workbench.answer("Name of the model in the Zoo", "Tiny cells");
    await workbench.answer("What the model does", "Restores hidden parts of cells.");
    await workbench.answer("Name of the author", "Ada Example");
    await workbench.answer("GitHub user name of Ada Example", "ada");
    await workbench.answer("Keywords, separated by commas", "nuclei, fluorescence");
    const target = join(folder, "exported");
    mkdirSync(target);
    await workbench.givePath("Folder for the package", `${target}/`);
    await workbench.notice(/exported to/);
    await workbench.screenshot("2-exported");
    assert.deepEqual(readdirSync(target).sort(), ["Tiny_cells_encoder.zip", "Tiny_cells_reconstruction.zip"]);
    const [path = ""] = readdirSync(target);
    const files = unzipSync(readFileSync(join(target, path)));
    const { name, authors, tags } = parse(new TextDecoder().decode(files["rdf.yaml"]));
    assert.match(name, /^Tiny cells \(/);
    assert.deepEqual(authors, [{ name: "Ada Example", github_user: "ada" }]);
    assert.ok(tags.includes("nuclei") && tags.includes("fluorescence"));
  },
);

scenario(
  "an engine that cannot train says in full what it needs, and can be selected",
  async ({ workbench }) => {
    await workbench.openFile("cells.biapy.yaml");
    await workbench.command("BiaPy: Select Engine…");
    await workbench.entries.filter({ hasText: "You may not use Docker." }).waitFor();
    await workbench.screenshot("2-engines");
    await workbench.choose("BiaPy in Docker");
    const dialog = workbench.page.getByRole("dialog", { name: "BiaPy in Docker cannot train here yet" });
    // A list has no room for instructions.
    await dialog
      .getByText("Add yourself to the group docker (sudo usermod -aG docker $USER) and log in again.")
      .waitFor();
    await workbench.screenshot("2-engines-why");
    await dialog.getByRole("button", { name: "Select It Anyway" }).click();
    const engine = (label: string) => workbench.page.locator(".statusbar-item", { hasText: label });
    await engine("BiaPy in Docker").waitFor();
    await workbench.command("BiaPy: Select Engine…");
    await workbench.choose("Embedded engine");
    await engine("Embedded engine").waitFor();
  },
);

scenario(
  "a runtime's size is shown before it is downloaded, and the download can be canceled",
  async ({ workbench }) => {
    await workbench.dismissNotices();
    await workbench.command("BiaPy: Install GPU Runtime…");
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

scenario("a package index that cannot be reached is reported in plain words", async ({ workbench }) => {
  await closeIndex();
  await workbench.command("BiaPy: Install GPU Runtime…");
  await workbench.choose("TensorFlow for the CPU");
  await workbench.notice("npm's package registry cannot be reached");
  await workbench.screenshot("4-unreachable");
  await workbench.dismissNotices();
});

scenario("a missing TensorBoard is reported", async ({ workbench }) => {
  await workbench.dismissNotices();
  await workbench.command("BiaPy: Open in TensorBoard");
  await workbench.notice("TensorBoard was not found");
  await workbench.screenshot("7-no-tensorboard");
});

scenario("TensorBoard opens with the runs' losses", async ({ vscode, workbench, folder }, context) => {
  const python = process.env.BIAPY_PYTHON ?? "";
  if (python === "") {
    context.skip("BIAPY_PYTHON names no Python environment");
    return;
  }
  const file = join(folder, ".vscode/settings.json");
  const settings = { ...JSON.parse(readFileSync(file, "utf8")), "biapy.python.path": python };
  writeFileSync(file, JSON.stringify(settings));
  const tab = vscode.nextTab();
  await until(async () => {
    await workbench.dismissNotices();
    await workbench.command("BiaPy: Open in TensorBoard");
    await workbench.notice(/TensorBoard/);
    return (
      (await workbench.page.locator(".notification-toast", { hasText: "Starting" }).count()) > 0 || undefined
    );
  }, "the setting to apply");
  await workbench.screenshot("8-tensorboard-starts");
  const board = await tab;
  // The editor's address for it goes through this server, which forwards no ports. The last number is TensorBoard's own port.
  const port = board.url().match(/\d+/g)?.at(-1);
  await board.goto(`http://localhost:${port}/`);
  await board.getByText(/loss/i).first().waitFor({ timeout: TRAINED });
  await vscode.screenshot(board, "9-tensorboard");
  await board.close();
  await workbench.page.bringToFront();
});

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
  await workbench.command("BiaPy: Run Training");
  await workbench.entries.filter({ hasText: "further.biapy.yaml" }).first().waitFor();
  await workbench.choose("Train");
  const shown = (await workbench.panel()).getByRole("combobox", { name: "Run" }).locator("option:checked");
  await until(async () => (await shown.textContent())?.includes("further") || undefined, "the new run");
  const panel = await workbench.runStatus(/Finished/);
  await panel
    .getByRole("region", { name: "Log" })
    .getByText(/cells_1-checkpoint-best\.pth/)
    .first()
    .waitFor();
  await panel.getByRole("region", { name: "Log" }).scrollIntoViewIfNeeded();
  await workbench.screenshot("6-trained-further");
});
