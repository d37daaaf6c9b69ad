import * as vscode from "vscode";
import type { Engine } from "../engines/engine.ts";
import { selectedEngine } from "../engines/index.ts";

/** BiaPy: Select Engine. Shows which engines there are, and what those that are missing need. */
export async function selectEngine(engines: readonly Engine[]): Promise<void> {
  const pick = vscode.window.createQuickPick<vscode.QuickPickItem & { readonly engine: Engine }>();
  pick.title = "Engine that trains";
  pick.busy = true;
  const chosen = selectedEngine(engines);
  const icon = (engine: Engine) => (engine === chosen ? "$(check)" : "$(server-process)");
  const items = engines.map((engine) => ({
    label: `${icon(engine)} ${engine.label}`,
    description: engine.description,
    detail: "Looking for it…",
    engine,
  }));
  pick.items = items;
  const detected = Promise.all(
    engines.map(async (engine, index) => {
      const found = await engine.detect();
      items[index].detail = found.available ? found.detail : `$(warning) ${found.reason} ${found.fix}`;
      pick.items = [...items];
    }),
  ).finally(() => {
    pick.busy = false;
  });
  const answer = await new Promise<Engine | undefined>((resolve) => {
    pick.onDidAccept(() => resolve(pick.selectedItems[0]?.engine));
    pick.onDidHide(() => resolve(undefined));
    pick.show();
  });
  pick.dispose();
  if (answer === undefined) return;
  const open = vscode.workspace.workspaceFolders !== undefined;
  const target = open ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await vscode.workspace.getConfiguration("biapy").update("engine", answer.id, target);
  await detected;
  const found = await answer.detect();
  if (!found.available)
    void vscode.window.showWarningMessage(`${answer.label}: ${found.reason} ${found.fix}`);
}
