/** What `editor.ts` runs in the extension host: the time of activation, and of completion once it is warm. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";

const ROUNDS = 40;
const TEXT = "PROBLEM:\n    TYPE: SELF_SUPERVISED\nDATA:\n    PATCH_SIZE: (64,64,1)\n    TRAIN:\n        P\n";
const PLACES = { "a section's keys": [5, 9], "all keys": [6, 0], "a key's values": [1, 10] } as const;

export async function run(): Promise<void> {
  const lines: string[] = [];
  const extension = vscode.extensions.getExtension("biapy-studio.biapy-studio");
  if (extension === undefined || extension.isActive)
    throw new Error("The extension is to be inactive at first.");
  const start = performance.now();
  await extension.activate();
  lines.push(`activation: ${(performance.now() - start).toFixed(0)} ms, loading its code included`);
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const uri = vscode.Uri.joinPath(folder.uri, "bench.biapy.yaml");
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(TEXT));
  await vscode.window.showTextDocument(uri);
  while ((await offers(uri, [5, 9])) < 2) await setTimeout(100);
  for (const [name, place] of Object.entries(PLACES)) {
    const times: number[] = [];
    let count = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const asked = performance.now();
      count = await offers(uri, place);
      times.push(performance.now() - asked);
    }
    times.sort((one, other) => one - other);
    const at = (part: number) => times[Math.floor(part * (ROUNDS - 1))].toFixed(0);
    lines.push(
      `completion of ${name} (${count} offers): median ${at(0.5)} ms, nine tenths within ${at(0.9)} ms`,
    );
  }
  writeFileSync(join(__dirname, "result.txt"), `${lines.join("\n")}\n`);
}

/** Asks as the editor does, through its window and back. */
async function offers(uri: vscode.Uri, [line, column]: readonly [number, number]): Promise<number> {
  const { items } = await vscode.commands.executeCommand<vscode.CompletionList>(
    "vscode.executeCompletionItemProvider",
    uri,
    new vscode.Position(line, column),
  );
  return items.length;
}
