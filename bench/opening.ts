/**
 * Measures how long a user waits in a real VS Code, in newly opened windows: `npm run bench:opening`.
 * From the Enter that runs the command to the first pixels of curves, from the Enter that opens a TIFF of 1 GB to its first
 * slice, and from the command to the first of 500 runs in the results browser. The arguments `panel`, `image` and `results` select cases.
 */
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { tinyModel } from "../test/vscode/configurations.ts";
import { prepare } from "../test/vscode/prepare.ts";
import { ServedVsCode } from "../test/vscode/served-vscode.ts";
import { until, type Workbench } from "../test/vscode/workbench.ts";
import { recordedEvents } from "../test/webview/recorded-runs.ts";
import { writeRun } from "./runs.ts";
import { writeGigabyte } from "./tiff.ts";

/** Number of rounds that also open it a second time. */
const AGAIN = 3;
/** VS Code delays webviews that are opened in the seconds after its first one, while it starts the service worker behind them. */
const SETTLED_MS = 4000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);

/** What `opening-marks.js` measured in a frame, in milliseconds since the epoch. */
interface Marks {
  /** When Enter was last pressed. */
  entered?: number;
  /** When the element was first shown; a canvas, with pixels. */
  shown?: number;
}

/** Returns a frame's marks. Runs in the frame. */
const marksOf = () => (globalThis as unknown as { marks: Marks }).marks;

/** Returns the time from the last Enter until the element was shown, in milliseconds. */
async function timeToShow({ page }: Workbench): Promise<number> {
  return until(async () => {
    const { entered = Number.POSITIVE_INFINITY } = await page.evaluate(marksOf);
    for (const frame of page.frames()) {
      const { shown = 0 } = await frame.evaluate(marksOf);
      if (shown > entered) return shown - entered;
    }
    return undefined;
  }, "what was opened");
}

interface Case {
  readonly title: string;
  /** Selects the element that is waited for. */
  readonly selector: string;
  readonly fill: (folder: string) => Promise<void>;
  readonly open: (workbench: Workbench) => Promise<unknown>;
}

const cases: Readonly<Record<string, Case>> = {
  panel: {
    title: "training panel, from the command to its curves (40 epochs)",
    selector: ".chart canvas",
    fill: (folder) => writeRun(join(folder, "results"), "cells", 1, recordedEvents("cells")),
    open: (workbench) => workbench.command("BiaPy: Open Training Panel"),
  },
  image: {
    title: "TIFF of 1 GB, to its first slice",
    selector: ".tile-canvas",
    fill: (folder) => symlink(gigabyte, join(folder, "gigabyte.tif")),
    open: (workbench) => workbench.openFile("gigabyte.tif"),
  },
  results: {
    title: "results browser, from the command to the first of 500 runs",
    selector: ".sidebar .monaco-list-row[aria-label*=', run ']",
    fill: async (folder) => {
      for (let run = 1; run <= 500; run++)
        await writeRun(join(folder, "results"), `many${run % 20}`, run, recordedEvents("cells"));
    },
    open: (workbench) => workbench.command("BiaPy: Show Results"),
  },
};

/** Measures the first opening in each of several new windows, and a second one in the same window. */
async function measure({ title, selector, fill, open }: Case): Promise<void> {
  const [first, again]: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const vscode = await ServedVsCode.start({ settings: { "security.workspace.trust.enabled": false } });
    const folder = vscode.workspace("opening");
    await writeFile(join(folder, "cells.biapy.yaml"), tinyModel(5));
    await fill(folder);
    await vscode.everywhere(`(() => { const waitedFor = ${JSON.stringify(selector)};\n${marks}})()`);
    const workbench = await vscode.open(folder);
    await workbench.openFile("cells.biapy.yaml");
    await workbench.languageReady();
    await open(workbench);
    first.push(await timeToShow(workbench));
    if (selector.includes("canvas") && round < AGAIN) {
      await setTimeout(SETTLED_MS);
      await workbench.command("View: Close All Editors");
      await open(workbench);
      again.push(await timeToShow(workbench));
    }
    await vscode.close();
  }
  console.log(
    `${title}: ${described(first)}${again.length > 0 ? `; again in the same window ${described(again)}` : ""}`,
  );
}

function described(times: readonly number[]): string {
  const sorted = [...times].sort((one, other) => one - other);
  const [median, slowest] = [sorted[sorted.length >> 1], sorted[sorted.length - 1]];
  return `median ${median.toFixed(0)} ms, slowest of ${times.length} ${slowest.toFixed(0)} ms`;
}

/** Records in every frame when Enter is pressed and when the element is shown. */
const marks = await readFile(new URL("opening-marks.js", import.meta.url), "utf8");
const asked = process.argv.slice(2);
console.log(
  `${cpus().length} x ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Chromium headless without a GPU`,
);
if (process.env.BIAPY_SERVED_VSCODE === undefined) Object.assign(process.env, prepare());
const shared = await mkdtemp(join(tmpdir(), "bench-opening-"));
const gigabyte = join(shared, "gigabyte.tif");
if (asked.length === 0 || asked.includes("image")) await writeGigabyte(gigabyte);
try {
  for (const [name, each] of Object.entries(cases))
    if (asked.length === 0 || asked.includes(name)) await measure(each);
} finally {
  await rm(shared, { recursive: true });
}
