/**
 * The one writer of a run's state (`src/facts/run-state.ts`). The order of its writes makes every moment a safe one to be killed at:
 *
 * 1. A fresh start first writes the id of its new training to the state. All other files then belong to another training, by
 *    their missing or different id, and are moved away after that.
 * 2. Checkpoints carry the training's identity and their own position. They are renamed into place whole, then the state is written.
 *    A kill in between leaves a state that is one checkpoint behind, but the checkpoint has its own position.
 * 3. `trained` and `finished` are written only when everything that they stand for is on the disk.
 */

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { errorMessage, isStop } from "../facts/errors.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { explainedWriteError, syncFolder, writeFileAtomically } from "../facts/files/write-file.ts";
import { checkpointPrefix, type ResultTree } from "../facts/result-tree.ts";
import { type RunState, RunStateError, readRunState } from "../facts/run-state.ts";
import type { CheckpointKind, TrainerState } from "../training/trainer.ts";

/** A run whose state is written to its record folder. */
export class DurableRun {
  /** Whether this process has begun to work on the run. Before, it changes no file of the run. */
  private begun = false;

  private constructor(
    private readonly tree: ResultTree,
    /** The run's state; undefined if there is none, or it is damaged. */
    private current: RunState | undefined,
    /** Why the state cannot be read. */
    readonly damage: RunStateError | undefined,
  ) {}

  /** Reads the state of a run. */
  static async open(tree: ResultTree): Promise<DurableRun> {
    try {
      return new DurableRun(tree, await readRunState(tree), undefined);
    } catch (error) {
      if (!(error instanceof RunStateError)) throw error;
      return new DurableRun(tree, undefined, error);
    }
  }

  get state(): RunState | undefined {
    return this.current;
  }

  /**
   * Starts a new training and moves away the files of an earlier one. Throws `ResultError`.
   *
   * @returns the folder that now holds the earlier run's files, if there were any
   */
  async startFresh(epochs: number): Promise<string | undefined> {
    const left = await this.leftFiles();
    const wasMoving = this.current?.settingAside === true;
    const settingAside = left.length > 0 ? true : undefined;
    const training = randomBytes(8).toString("hex");
    this.begun = true;
    await this.write({
      training,
      status: "training",
      epoch: 0,
      step: 0,
      epochs,
      trained: false,
      settingAside,
    });
    if (settingAside === undefined) return undefined;
    const kept = await this.setAside(left, wasMoving);
    await this.change({ settingAside: undefined });
    return kept;
  }

  /** Resumes the training of this state. */
  async resume(training: string, { epoch, step }: TrainerState, epochs: number): Promise<void> {
    this.begun = true;
    const known = { ...this.current, settingAside: undefined, message: undefined };
    await this.write({ ...known, training, status: "training", epoch, step, epochs, trained: false });
    await this.removeTemporaries();
  }

  /** Begins a run that only tests. The state of another training is kept. */
  async testOnly(): Promise<void> {
    if (this.current !== undefined) return;
    this.begun = true;
    const training = randomBytes(8).toString("hex");
    await this.write({ training, status: "testing", epoch: 0, step: 0, epochs: 0, trained: false });
  }

  /** Records that a checkpoint has been written. */
  async saved(kind: CheckpointKind, { epoch, step, bestLoss, bestEpoch }: TrainerState): Promise<void> {
    if (kind === "periodic") return;
    const best = bestLoss === null || bestEpoch === null ? undefined : { epoch: bestEpoch, loss: bestLoss };
    await this.change({ epoch, step, best });
  }

  /** Records that nothing is left to train. */
  async trained(): Promise<void> {
    await this.change({ status: "testing", trained: true });
  }

  /** Records that the run has ended. If the disk is full, the previous state stays, which means an interrupted run. */
  async ended(status: "finished" | "stopped" | "failed", message?: string): Promise<void> {
    if (!this.begun) return;
    const written = this.change({ status, message });
    await (status === "failed" ? written.catch(() => {}) : written);
  }

  private async change(changed: Partial<RunState>): Promise<void> {
    if (this.current === undefined) throw new Error("A run has no state before it begins.");
    await this.write({ ...this.current, ...changed });
  }

  private async write(state: Omit<RunState, "format" | "time">): Promise<void> {
    const written: RunState = { ...state, format: 1, time: Date.now() };
    await writeFileAtomically(this.tree.stateFile, `${JSON.stringify(written, null, 2)}\n`);
    this.current = written;
  }

  /** Returns the files of an earlier run: its directory and its checkpoints. */
  private async leftFiles(): Promise<string[]> {
    const { runDirectory } = this.tree;
    await this.removeTemporaries();
    const checkpoints = (await this.checkpointFiles()).filter((name) => name.endsWith(".pth"));
    const paths = checkpoints.map((name) => join(this.tree.checkpoints, name));
    return existsSync(runDirectory) ? [...paths, runDirectory] : paths;
  }

  private async checkpointFiles(): Promise<string[]> {
    const names = await readdir(this.tree.checkpoints).catch(() => []);
    return names.filter((name) => name.startsWith(checkpointPrefix(this.tree)));
  }

  /** Removes checkpoints that a killed process was writing. */
  private async removeTemporaries(): Promise<void> {
    for (const name of await this.checkpointFiles())
      if (name.endsWith(".tmp")) await rm(join(this.tree.checkpoints, name), { force: true });
  }

  /** Moves files to `earlier`, replacing its content. Deletes them instead if nothing was trained. */
  private async setAside(left: readonly string[], wasMoving: boolean): Promise<string | undefined> {
    const { earlier, runDirectory } = this.tree;
    const worthKeeping = wasMoving || left.some((path) => path.endsWith(".pth"));
    try {
      if (!worthKeeping) {
        for (const path of left) await rm(path, { recursive: true, force: true });
        return undefined;
      }
      if (!wasMoving) await rm(earlier, { recursive: true, force: true });
      await createFolder(earlier);
      for (const path of left) {
        const target = join(earlier, path === runDirectory ? "results" : basename(path));
        if (path === runDirectory) await rm(target, { recursive: true, force: true });
        await moveIntoPlace(path, target);
      }
      for (const folder of [earlier, this.tree.checkpoints]) await syncFolder(folder);
      return earlier;
    } catch (error) {
      throw explainedWriteError(earlier, error);
    }
  }
}

/** Does the work of a run, and records how it ended. An aborted signal that the work throws stops the run. */
export async function durably(
  { tree, signal }: { readonly tree: ResultTree; readonly signal: AbortSignal },
  work: (run: DurableRun) => Promise<"finished" | "stopped">,
): Promise<"finished" | "stopped"> {
  const run = await DurableRun.open(tree);
  try {
    const status = await work(run);
    await run.ended(status);
    return status;
  } catch (error) {
    if (isStop(error, signal)) {
      await run.ended("stopped");
      return "stopped";
    }
    await run.ended("failed", errorMessage(error));
    throw error;
  }
}
