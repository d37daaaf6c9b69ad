import * as vscode from "vscode";
import { shortNumber } from "../../facts/format.ts";
import { runName } from "../../facts/run-titles.ts";
import type { KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";

/** A question for a run. */
export interface RunQuestion {
  readonly title: string;
  /** Message if there is no such run. */
  readonly none: string;
  readonly among: (run: KnownRun) => boolean;
}

/** Returns the run that a command was called for, by its identity or an item of the results view; undefined for none. */
export function identityOf(clicked: unknown): string | undefined {
  if (typeof clicked === "string") return clicked;
  const isItem = typeof clicked === "object" && clicked !== null && "run" in clicked;
  return isItem && typeof clicked.run === "string" ? clicked.run : undefined;
}

/** Returns the clicked run, the only run, or one that the user picks. */
export async function pickRun(
  runs: RunManager,
  clicked: unknown,
  question: RunQuestion,
): Promise<KnownRun | undefined> {
  await runs.ready();
  const identity = identityOf(clicked);
  if (identity !== undefined) return runs.find(identity);
  const found = runs.known.filter(question.among);
  if (found.length === 0) void vscode.window.showInformationMessage(question.none);
  if (found.length <= 1) return found[0];
  return (
    await vscode.window.showQuickPick(found.map(itemOf), { title: question.title, ignoreFocusOut: true })
  )?.run;
}

/** Returns the runs that the user picks; clicked ones are preselected. */
export async function pickRuns(
  runs: RunManager,
  clicked: readonly unknown[],
  { title, none, among }: RunQuestion,
): Promise<readonly KnownRun[]> {
  await runs.ready();
  const given = clicked.map(identityOf).filter((id) => id !== undefined);
  if (given.length > 1) return given.map((id) => runs.find(id)).filter((run) => run !== undefined);
  const found = runs.known.filter(among);
  if (found.length === 0) void vscode.window.showInformationMessage(none);
  if (found.length === 0) return [];
  const items = found.map((run) => ({ ...itemOf(run), picked: given.includes(run.summary.id) }));
  const answer = await vscode.window.showQuickPick(items, { title, canPickMany: true, ignoreFocusOut: true });
  return answer?.map(({ run }) => run) ?? [];
}

function itemOf(run: KnownRun) {
  const { summary, folder } = run;
  const loss = folder?.best === undefined ? "" : `, best loss ${shortNumber(folder.best.loss)}`;
  return {
    label: runName(summary),
    description: `${summary.status}${loss}`,
    detail: new Date(summary.started).toLocaleString(),
    run,
  };
}
