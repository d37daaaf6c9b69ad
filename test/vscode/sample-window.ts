/** A window of VS Code on a copy of the sample images, which the scenarios of one test file share. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { ServedVsCode, type StartOptions } from "./served-vscode.ts";
import type { Workbench } from "./workbench.ts";

export interface SampleWindow {
  readonly vscode: ServedVsCode;
  readonly workbench: Workbench;
  /** The open folder; of a window without one, the person's home folder. */
  readonly folder: string;
}

export interface WindowOptions extends StartOptions {
  /** No folder is open yet. */
  readonly empty?: boolean;
  /** Called with the folder when its files are there, before it is opened. */
  readonly prepare?: (folder: string) => void | Promise<void>;
}

/** Declares a test. It may continue from what the tests before it did. */
export type Scenario = (
  name: string,
  body: (window: SampleWindow, context: TestContext) => Promise<void>,
) => void;

/** Starting takes long on a slow machine that is shared. */
const START_TIMEOUT = 300_000;
const TRUSTED = { "security.workspace.trust.enabled": false };

/**
 * Opens the window before the first scenario of the file and closes it after the last, with all the trainings that still run.
 * @param files texts of files beside the images. The first is a configuration: it is opened, and completion waited for
 * @param options the folder is trusted unless the settings say otherwise
 */
export function sampleWindow(
  files: Readonly<Record<string, string>> = {},
  { settings = TRUSTED, environment, empty = false, prepare }: WindowOptions = {},
): Scenario {
  let vscode: ServedVsCode | undefined;
  let window: SampleWindow;

  before(
    async () => {
      vscode = await ServedVsCode.start({ settings, environment });
      const folder = empty ? vscode.personsHome : vscode.workspace("cells", "media/samples");
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      await prepare?.(folder);
      const workbench = await vscode.open(empty ? undefined : folder);
      window = { vscode, workbench, folder };
      const [first] = Object.keys(files);
      if (first === undefined) return;
      await workbench.openFile(first);
      await workbench.languageReady();
    },
    { timeout: START_TIMEOUT },
  );

  after(async () => {
    if (window !== undefined) endRuns(window.folder);
    await vscode?.close();
  });

  return (name, body) =>
    ServedVsCode.scenario(
      name,
      () => window.vscode,
      (context) => body(window, context),
    );
}

/** Ends the trainings that still run: they outlive the window, and would outlive a test that failed. */
function endRuns(folder: string): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (basename(path) !== "run.json") continue;
    const record = runningRecord(join(folder, path));
    if (record === undefined) continue;
    const { supervisor, pid } = record;
    for (const each of [pid, supervisor]) if (each !== undefined) process.kill(each, "SIGKILL");
  }
}

/** Returns a run's record if it has no end; undefined where a test has put something else in its place. */
function runningRecord(path: string): { supervisor?: number; pid?: number } | undefined {
  try {
    // Reading a named pipe would block.
    if (!statSync(path).isFile()) return undefined;
    const record = JSON.parse(readFileSync(path, "utf8"));
    return record.ended === undefined ? record : undefined;
  } catch {
    return undefined;
  }
}
