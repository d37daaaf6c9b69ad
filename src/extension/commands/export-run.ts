/** Commands that export a training to run elsewhere: as a Colab notebook, a SLURM script or command lines. */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import * as vscode from "vscode";
import { IMAGE_PATHS } from "../../config/basics.ts";
import { loadConfig } from "../../config/config.ts";
import { commandLinesText } from "../../engines/command-lines.ts";
import { colabNotebook } from "../../engines/notebook.ts";
import { slurmScript } from "../../engines/slurm.ts";
import { jobName } from "../../runs/job-name.ts";
import { freeRunId } from "../../runs/start-run.ts";
import { configurationFile, workingDirectory } from "../workspace/configuration-file.ts";
import { gpuSetting, resultFolder } from "../workspace/run-settings.ts";

/** BiaPy: Export Colab Notebook. */
export async function exportNotebook(clicked?: unknown): Promise<void> {
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const loaded = loadConfig(config.fsPath).config;
  const name = jobName(config.fsPath);
  const folders = IMAGE_PATHS.filter((key) => loaded.sets(key)).map((key) => ({
    key,
    // The last two names of the path, so that `train/x` and `test/x` stay apart.
    folder: loaded.text(key).split(/[/\\]/).filter(Boolean).slice(-2).join("/"),
  }));
  const configuration = readFileSync(config.fsPath, "utf8");
  await saveBeside(config, `${name}.ipynb`, colabNotebook({ name, runId: 1, configuration, folders }));
}

/** BiaPy: Export SLURM Script. */
export async function exportSlurmScript(clicked?: unknown): Promise<void> {
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const nodes = await askNumber("How many machines?", 1);
  const gpusPerNode = nodes && (await askNumber("How many GPUs on each machine?", 4));
  if (nodes === undefined || gpusPerNode === undefined) return;
  const { name, ...place } = nextRun(config);
  const script = slurmScript({
    configFile: config.fsPath,
    ...place,
    name,
    nodes,
    gpusPerNode,
    // BiaPy reads images with at most eight workers per GPU.
    cpusPerNode: 8 * gpusPerNode,
    time: "24:00:00",
    condaEnvironment: "BiaPy_env",
  });
  await saveBeside(config, `${name}.slurm.sh`, script);
}

/** BiaPy: Show Command Lines. */
export async function showCommandLines(clicked?: unknown): Promise<void> {
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const loaded = loadConfig(config.fsPath).config;
  const directory = workingDirectory(config);
  const content = commandLinesText({
    configFile: config.fsPath,
    ...nextRun(config),
    gpu: gpuSetting() || "0",
    image: vscode.workspace.getConfiguration("biapy.docker").get("image", ""),
    workingDirectory: directory,
    dataPaths: IMAGE_PATHS.filter((key) => loaded.sets(key)).map((key) =>
      resolve(directory, loaded.text(key)),
    ),
  });
  const document = await vscode.workspace.openTextDocument({ language: "shellscript", content });
  await vscode.window.showTextDocument(document);
}

/** Returns the name, number and result folder of the run that Run Training would start next. */
function nextRun(config: vscode.Uri): { name: string; runId: number; resultDirectory: string } {
  const resultDirectory = resultFolder(config);
  const name = jobName(config.fsPath);
  return { name, runId: freeRunId(resultDirectory, name), resultDirectory };
}

async function askNumber(prompt: string, value: number): Promise<number | undefined> {
  const answer = await vscode.window.showInputBox({
    prompt,
    value: String(value),
    ignoreFocusOut: true,
    validateInput: (text) => (/^[1-9]\d*$/.test(text) ? undefined : "Enter a whole number, at least 1."),
  });
  return answer === undefined ? undefined : Number(answer);
}

/** Asks where to save a file (default: beside the configuration), writes it and opens it. */
async function saveBeside(config: vscode.Uri, name: string, text: string): Promise<void> {
  const defaultUri = vscode.Uri.file(join(dirname(config.fsPath), name));
  const uri = await vscode.window.showSaveDialog({ defaultUri });
  if (uri === undefined) return;
  await vscode.workspace.fs.writeFile(uri, Buffer.from(text));
  await vscode.commands.executeCommand("vscode.open", uri);
}
