/** Runs in the extension host for `editor.ts`: measures activation, and completion after a warm-up. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";
import { longConfiguration, marked, type Place, places } from "./configurations.ts";

const ROUNDS = 40;
/** Pause between two keys, as long as a fast typist's. */
const PAUSE_MS = 60;

export async function run(): Promise<void> {
  const lines: string[] = [];
  const extension = vscode.extensions.getExtension("biapy-studio.biapy-studio");
  if (extension === undefined || extension.isActive)
    throw new Error("The extension must be inactive at first.");
  const start = performance.now();
  await extension.activate();
  lines.push(`activation: ${(performance.now() - start).toFixed(0)} ms, loading its code included`);
  const sample = readFileSync(join(extension.extensionPath, "templates/demo.biapy.yaml"), "utf8");
  const configurations = {
    "the sample's configuration": sample,
    "a long configuration": longConfiguration(),
  };
  for (const [name, text] of Object.entries(configurations)) {
    lines.push(`completion in ${name} (${text.split("\n").length - 1} lines), median / p90 / p95 / slowest`);
    for (const place of places) lines.push(`  ${await timeCompletion(text, place)}`);
  }
  writeFileSync(join(__dirname, "result.txt"), `${lines.join("\n")}\n`);
}

/** Types at a place repeatedly, and requests completions each time. */
async function timeCompletion(configuration: string, place: Place): Promise<string> {
  const { text, line, column } = marked(configuration, place);
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const uri = vscode.Uri.joinPath(folder.uri, `${Math.random().toString(36).slice(2)}.biapy.yaml`);
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const editor = await vscode.window.showTextDocument(uri);
  const at = new vscode.Position(line, column);
  while (!(await offers(uri, at)).some(({ label }) => label === place.expected)) await setTimeout(100);
  const times: number[] = [];
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // A new text, of which nothing is cached.
    await editor.edit((edit) => edit.insert(at.translate(1, 0).with({ character: 0 }), `# ${round}\n`));
    const asked = performance.now();
    count = (await offers(uri, at)).length;
    times.push(performance.now() - asked);
    await setTimeout(PAUSE_MS);
  }
  times.sort((one, other) => one - other);
  const reached = (part: number) => times[Math.floor(part * (ROUNDS - 1))].toFixed(0);
  await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  return `${place.name} (${count} offers): ${[0.5, 0.9, 0.95, 1].map(reached).join(" / ")} ms`;
}

/** Requests completions as the editor does, through its window. */
async function offers(uri: vscode.Uri, at: vscode.Position): Promise<readonly vscode.CompletionItem[]> {
  const { items } = await vscode.commands.executeCommand<vscode.CompletionList>(
    "vscode.executeCompletionItemProvider",
    uri,
    at,
  );
  return items;
}
