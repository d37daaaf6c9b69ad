import * as vscode from "vscode";
import { errorMessage } from "../../facts/errors.ts";
import type { Engine, Unavailable } from "../engines/engine.ts";
import { selectedEngine } from "../engines/index.ts";
import { changeSetting } from "../workspace/change-setting.ts";
import { mayRun } from "../workspace/trust.ts";
import { markDone } from "../workspace/walkthrough-steps.ts";

/** BiaPy: Select Engine. Lists the engines; choosing a missing one shows what it needs. */
export async function selectEngine(engines: readonly Engine[]): Promise<void> {
  if (!(await mayRun())) return;
  const engine = await pickEngine(engines);
  if (engine === undefined) return;
  const found = await engine.detect();
  if (!found.available && !(await selectAnyway(engine, found))) return;
  await changeSetting("engine", engine.id);
  markDone("engine");
}

async function pickEngine(engines: readonly Engine[]): Promise<Engine | undefined> {
  const pick = vscode.window.createQuickPick<vscode.QuickPickItem & { readonly engine: Engine }>();
  pick.title = "Engine that trains";
  pick.busy = true;
  pick.ignoreFocusOut = true;
  const chosen = selectedEngine(engines);
  const icon = (engine: Engine) => (engine === chosen ? "$(check)" : "$(server-process)");
  const items = engines.map((engine) => ({
    label: `${icon(engine)} ${engine.label}`,
    description: engine.description,
    detail: "Looking for it…",
    engine,
  }));
  pick.items = items;
  void Promise.all(
    items.map(async (item) => {
      item.detail = await detailOf(item.engine);
      const { activeItems } = pick;
      pick.items = [...items];
      // Replacing the list would move the selection back to its first entry.
      if (activeItems.length > 0) pick.activeItems = activeItems;
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
  return answer;
}

/** Returns what an engine uses, or why it cannot train. */
async function detailOf(engine: Engine): Promise<string> {
  try {
    const found = await engine.detect();
    if (found.available) return found.detail;
    return `$(warning) ${found.reason} $(info) Choose it to read more.`;
  } catch (error) {
    return `$(warning) ${errorMessage(error)}`;
  }
}

/** Shows the full reason why an engine cannot train and what to do. Returns whether it is selected anyway. */
async function selectAnyway({ label }: Engine, { reason, fix, remedy }: Unavailable): Promise<boolean> {
  const select = "Select It Anyway";
  const actions = [...(remedy === undefined ? [] : [remedy.title]), select];
  const options = { modal: true, detail: `${reason}\n\n${fix}` };
  const answer = await vscode.window.showWarningMessage(
    `${label} cannot train here yet.`,
    options,
    ...actions,
  );
  if (answer !== undefined && answer === remedy?.title)
    await vscode.commands.executeCommand(remedy.command, ...(remedy.arguments ?? []));
  return answer === select;
}
