/** Predicts a folder of images with a trained model: a run in a temporary folder, whose predictions are kept. */
import { spawn } from "node:child_process";
import { copyFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { withSettings } from "../config/with-settings.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { eachLine } from "../facts/files/lines.ts";
import type { NewRunEvent, RunEvent } from "../facts/run-events.ts";
import { endTree } from "../runs/end-process.ts";
import type { RunCommand, RunOrder } from "../runs/record.ts";
import { outputReader } from "./open-output-reader.ts";

/** The images could not be predicted. The message is for the user. */
export class ApplyError extends Error {
  override readonly name = "ApplyError";
}

export interface Application {
  /** An engine's command for `order`. */
  readonly command: RunCommand;
  readonly order: RunOrder;
  /** The folder of images that the order's configuration names. */
  readonly images: string;
  /** Folder for predictions; must not exist. */
  readonly target: string;
  /** Reports the progress: `Predicting`, 3 of 10. */
  progress(label: string, done: number, total: number): void;
  readonly signal: AbortSignal;
}

/** Returns the text of a configuration that predicts a folder of images, without labels, with a checkpoint. */
export function predicting(text: string, checkpoint: string, images: string): string {
  return withSettings(text, {
    "TRAIN.ENABLE": "False",
    "TEST.ENABLE": "True",
    "DATA.TEST.PATH": images,
    "DATA.TEST.LOAD_GT": "False",
    "MODEL.LOAD_CHECKPOINT": "True",
    "PATHS.CHECKPOINT_FILE": checkpoint,
  });
}

/** An image with its prediction. */
export interface Predicted {
  readonly original: string;
  readonly prediction: string;
}

/**
 * Runs the command and moves the predictions to the target folder, all of them or none. Returns them in the order of the images;
 * undefined if it was aborted.
 *
 * @throws ApplyError
 */
export async function applyModel(application: Application): Promise<Predicted[] | undefined> {
  const { target, signal } = application;
  const found = await predict(application);
  if (signal.aborted) return undefined;
  if (found.length === 0) throw new ApplyError("The model predicted no images. See the output for details.");
  const unfinished = `${target}.tmp`;
  await rm(unfinished, { recursive: true, force: true });
  await createFolder(unfinished);
  for (const { prediction } of found) await copyFile(prediction, join(unfinished, basename(prediction)));
  await rename(unfinished, target);
  return found.map(({ original, prediction }) => ({
    original,
    prediction: join(target, basename(prediction)),
  }));
}

async function predict({ command, order, images, progress, signal }: Application): Promise<Predicted[]> {
  const reader = await outputReader(command.output, order);
  const found = new Map<string, Predicted>();
  let failure: string | undefined;
  const take = (event: RunEvent | NewRunEvent): void => {
    if (event.event === "progress") progress(event.label, event.done, event.total);
    else if (event.event === "image" && event.files.prediction !== undefined)
      found.set(event.image, { original: join(images, event.image), prediction: event.files.prediction });
    else if (event.event === "problems")
      failure = event.problems.find(({ severity }) => severity === "error")?.message ?? failure;
    else if (event.event === "end" && event.status === "failed") failure ??= event.message;
  };
  const child = spawn(command.command, [...command.args], {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    // It leads a process group, so that all of its child processes can be ended.
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  const abort = () => {
    if (child.pid !== undefined) endTree(child.pid);
  };
  signal.addEventListener("abort", abort);
  const errors: string[] = [];
  eachLine(child.stdout, (line) => {
    for (const event of reader.line(line, "stdout")) take(event);
  });
  eachLine(child.stderr, (line) => {
    errors.push(line);
    for (const event of reader.line(line, "stderr")) take(event);
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  signal.removeEventListener("abort", abort);
  for (const event of reader.end?.(code) ?? []) take(event);
  if (!signal.aborted && code !== 0)
    throw new ApplyError(failure ?? errors.at(-1) ?? `The engine ended with code ${code}.`);
  return [...found.values()];
}
