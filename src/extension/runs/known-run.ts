/** What is known about a run, from its record, its files or both. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { isNetworkPath, networkHost } from "../../facts/files/network-path.ts";
import type { RunSummary } from "../../protocol/panel-messages.ts";
import type { RunFolder } from "../../results/run-folders.ts";
import type { LiveRun } from "../../runs/live-run.ts";
import type { RunOrder } from "../../runs/record.ts";
import type { Engine } from "../engines/engine.ts";
import type { RunProgress } from "./run-progress.ts";

/** Everything that is known about a run. */
export interface KnownRun {
  readonly summary: RunSummary;
  readonly order: RunOrder;
  readonly live?: LiveRun;
  readonly folder?: RunFolder;
  /** What is wrong with its record. */
  readonly damage?: string;
  /** Its progress, while it is active. */
  readonly progress?: RunProgress;
}

type Sources = Omit<KnownRun, "summary" | "order"> & { readonly id: string };

/** Describes a run that has a record (`live`) or a folder of results. */
export function knownRun(
  { id, folder, live, damage, progress }: Sources,
  engines: readonly Engine[],
): KnownRun {
  const order = live?.order ?? orderOf(folder);
  const engine = live?.record.engine ?? folder?.writtenBy ?? "embedded";
  const status = damage !== undefined ? "damaged" : (live?.status ?? folder?.status ?? "interrupted");
  const ended = status === "stopped" || status === "interrupted" || status === "failed";
  const canResume = engines.find((one) => one.id === engine)?.canResume(order) ?? false;
  return {
    summary: {
      id,
      name: order.name,
      runId: order.runId,
      status,
      engine,
      started: live?.record.started ?? live?.record.created ?? folder?.started ?? 0,
      resumable: ended && canResume,
      timeLeft: progress?.timeLeft,
    },
    order,
    live,
    folder,
    damage,
    progress,
  };
}

/**
 * Returns the configuration that a run was started with: its newest copy in the results, or else the file itself. Undefined if neither
 * exists.
 */
export function configurationOf({ folder, order }: Pick<KnownRun, "folder" | "order">): string | undefined {
  const copies = (folder?.files.configuration ?? []).toReversed();
  const { configFile, resultDirectory } = order;
  // A record may come from elsewhere: it must not decide which computers are accessed.
  const reachable = !isNetworkPath(configFile) || networkHost(configFile) === networkHost(resultDirectory);
  return [...copies, ...(reachable ? [configFile] : [])].find(existsSync);
}

/** Reconstructs the order of a run that left no record. */
function orderOf(folder: RunFolder | undefined): RunOrder {
  if (folder === undefined) throw new Error("A run has a record or a folder.");
  const { name, runId, jobDirectory } = folder.tree;
  const configFile = folder.files.configuration.at(-1) ?? folder.tree.configFile;
  const inside = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(jobDirectory));
  return {
    configFile,
    resultDirectory: join(jobDirectory, ".."),
    name,
    runId,
    resume: false,
    gpu: "",
    workingDirectory: inside?.uri.fsPath ?? join(jobDirectory, ".."),
  };
}
