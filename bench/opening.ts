/**
 * How long a person waits in the genuine VS Code, each time in a window that was just opened: `npm run bench:opening`.
 * From the Enter that runs the command to the first pixels of curves, from the Enter that opens a TIFF of 1 GB to its first
 * slice, and from the command to the first of 500 runs in the results browser. Names pick: `panel`, `image`, `results`.
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

/** Rounds in which it is opened again. */
const AGAIN = 3;
/** VS Code holds up webviews that are opened in the seconds after its first one, when it has just set up what serves them. */
const SETTLED_MS = 4000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);

/** What `opening-marks.js` measured in a frame, in milliseconds since the epoch. */
interface Marks {
  /** When Enter was pressed last. */
  entered?: number;
  /** When what is waited for was first shown, a canvas with pixels. */
  shown?: number;
}

/** Runs in a frame: its marks. */
const marksOf = () => (globalThis as unknown as { marks: Marks }).marks;

/** Time from the last Enter until what is waited for was shown. */
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
  /** Of what is waited for. */
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

/** Measures the first opening in each of several fresh windows, and another in the same. */
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
    `${title}: ${told(first)}${again.length > 0 ? `; again in the same window ${told(again)}` : ""}`,
  );
}

function told(times: readonly number[]): string {
  const sorted = [...times].sort((one, other) => one - other);
  const [median, slowest] = [sorted[sorted.length >> 1], sorted[sorted.length - 1]];
  return `median ${median.toFixed(0)} ms, slowest of ${times.length} ${slowest.toFixed(0)} ms`;
}

/** Notes in every frame when Enter is pressed and when what is waited for is there. */
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
