/** A training is written down to run elsewhere, and a model exported for other programs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { parse } from "yaml";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";

const scenario = sampleWindow({ "cells.biapy.yaml": tinyModel(5) });

scenario("a notebook is saved beside the configuration, and opens", async ({ workbench, folder }) => {
  await workbench.command("BiaPy: Export Colab Notebook");
  await workbench.acceptSaving("cells.ipynb");
  const notebook = workbench.page.locator(".notebookOverlay");
  await notebook.locator(".code-cell-row", { hasText: "pip install" }).waitFor();
  await workbench.screenshot("1-notebook");
  const { nbformat, nbformat_minor } = JSON.parse(readFileSync(join(folder, "cells.ipynb"), "utf8"));
  assert.deepEqual([nbformat, nbformat_minor], [4, 5]);
});

scenario("a SLURM script is saved with the machines asked for, and bash can read it", async (window) => {
  const { workbench, folder } = window;
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Export SLURM Script");
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

scenario("the command lines of each way to train are shown", async ({ workbench }) => {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Show Command Lines");
  await workbench.page.locator(".tab.active", { hasText: "Untitled" }).waitFor();
  await workbench.screenshot("3-command-lines");
});

scenario(
  "a trained model is exported for the BioImage Model Zoo, and what is missing is asked for",
  async (window) => {
    const { workbench, folder } = window;
    await workbench.openFile("cells.biapy.yaml");
    await workbench.train();
    await workbench.runStatus(/Finished/);
    await workbench.command("BiaPy: Export Model");
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
    await workbench.screenshot("4-exported");
    assert.deepEqual(readdirSync(target).sort(), ["Tiny_cells_encoder.zip", "Tiny_cells_reconstruction.zip"]);
    const [path = ""] = readdirSync(target);
    const files = unzipSync(readFileSync(join(target, path)));
    const { name, authors, tags } = parse(new TextDecoder().decode(files["rdf.yaml"]));
    assert.match(name, /^Tiny cells \(/);
    assert.deepEqual(authors, [{ name: "Ada Example", github_user: "ada" }]);
    assert.ok(tags.includes("nuclei") && tags.includes("fluorescence"));
  },
);
