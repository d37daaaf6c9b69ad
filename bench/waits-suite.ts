/** Runs in the extension host for `waits.ts`: measures how long the thread, which all extensions share, is blocked. */
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";
import type { Api } from "../src/extension/extension.ts";
import { readRecord, recordFilesOf } from "../src/runs/record.ts";

const LIMIT_MS = 20_000;
const lines: string[] = [];

export async function run(): Promise<void> {
  try {
    await waits();
  } catch (error) {
    lines.push(String(error));
    throw error;
  } finally {
    writeFileSync(join(__dirname, "result.txt"), `${lines.join("\n")}\n`);
  }
}

async function waits(): Promise<void> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const results = join(folder.uri.fsPath, "results");
  if (existsSync(join(results, "long"))) {
    const record = await readRecord(recordFilesOf({ resultDirectory: results, name: "long", runId: 1 }));
    // Stands for the supervisor of the unfinished run.
    createServer(() => {}).listen(record?.address);
  }
  const extension = vscode.extensions.getExtension<Api>("biapy-studio.biapy-studio");
  if (extension === undefined) throw new Error("The extension is not installed.");
  const { runs } = await watched("activation, and all runs found", async () => {
    const api = await extension.activate();
    await api.runs.ready();
    return api;
  });
  lines.push(`  ${runs.known.length} runs, ${runs.known.filter(({ live }) => live?.isActive).length} active`);
  const [configuration] = await vscode.workspace.findFiles("*.biapy.yaml");
  if (configuration !== undefined)
    await watched("a configuration opened, until its images are checked", async () => {
      await vscode.window.showTextDocument(configuration);
      const end = performance.now() + LIMIT_MS;
      while (vscode.languages.getDiagnostics(configuration).length === 0 && performance.now() < end)
        await setTimeout(20);
      for (const { message } of vscode.languages.getDiagnostics(configuration))
        lines.push(`  ${message.slice(0, 100)}`);
    });
  await watched("the training panel opened", async () => {
    await vscode.commands.executeCommand("biapy.openTrainingPanel");
    await setTimeout(4000);
  });
  await watched("the results browser opened", async () => {
    await vscode.commands.executeCommand("biapy.showResults");
    await setTimeout(2000);
  });
}

/** Does something. Records how long it took, and the longest time for which nothing else could run. */
async function watched<T>(what: string, action: () => Promise<T>): Promise<T> {
  const start = performance.now();
  let last = start;
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  const result = await action();
  await setTimeout(5);
  clearInterval(timer);
  lines.push(
    `${what}: ${(performance.now() - start).toFixed(0)} ms, the thread blocked for ${longest.toFixed(0)} ms at most`,
  );
  return result;
}
