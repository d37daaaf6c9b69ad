/**
 * Measures the built training panel, runs table and image viewer in Chromium: `npm run bench:panel`.
 *
 * - Panel: from loading to its curves, and one redrawing of 100,000 steps.
 * - Table: from loading to a thousand runs, and a frame while it scrolls.
 * - Images: from opening a TIFF of 1 GB to its first slice, and zooming.
 *
 * The arguments `panel`, `table` and `images` select parts: `npm run bench:panel -- table`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { condense } from "../src/extension/panel/run-history.ts";
import type { RunEvent, StepEvent } from "../src/facts/run-events.ts";
import { type Harness, startHarness, type Webview } from "../test/webview/harness.ts";
import { manyRuns } from "../test/webview/many-runs.ts";
import { manySteps, recordedEvents, summary } from "../test/webview/recorded-runs.ts";
import { writeGigabyte, writeTiff } from "./tiff.ts";

// Functions of the harness's outer page.
declare function prepare(message: object): object;
declare function tell(message: object): void;

const ROUNDS = 5;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const spread = (values: readonly number[], limit: number): string =>
  `${median(values).toFixed(1)} ms (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)}; limit ${limit})`;

/** Returns the 95th percentile. */
const percentile95 = (values: readonly number[]): string =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)].toFixed(1);

/**
 * Returns the time from loading the page until the canvas `drawn` has pixels, in milliseconds.
 *
 * @param messages the extension's answers to `ready`
 * @param drawn selector of the canvas
 * @param image a file that the extension opens while the page loads
 */
async function timeToDraw(
  webview: Webview,
  kind: "panel" | "viewer",
  messages: readonly object[],
  drawn: string,
  image?: string,
): Promise<number> {
  return webview.page.evaluate(
    async ([source, answers, selector, path]) => {
      const frame = document.querySelector("iframe") as HTMLIFrameElement;
      const before = frame.contentDocument;
      const prepared = answers.map((message) => prepare(message));
      window.addEventListener("message", async function answer({ data }) {
        if (data.type !== "ready") return;
        window.removeEventListener("message", answer);
        await opened;
        for (const message of prepared) tell(message);
      });
      const start = performance.now();
      const request = JSON.stringify({ type: "open-image", request: 0, path });
      const opened = path === undefined ? undefined : fetch("/image", { method: "POST", body: request });
      frame.src = source;
      const look = () => {
        const found = frame.contentDocument?.querySelector(selector) as HTMLCanvasElement | null;
        const { width = 0, height = 0 } = found ?? {};
        if (frame.contentDocument === before || found === null || width === 0) return false;
        const { data } = found.getContext("2d")?.getImageData(0, 0, width, height) ?? { data: [] };
        return data.some((value, at) => at % 4 === 3 && value > 0);
      };
      while (!look()) await new Promise((next) => setTimeout(next, 4));
      return performance.now() - start;
    },
    [`/${kind}`, messages, drawn, image] as const,
  );
}

/** Returns the time of one drawing of all charts after the smoothing moved: of the script alone, and until the canvases have pixels. */
async function timeToRedraw(
  { frame }: Webview,
  smoothing: number,
): Promise<{ script: number; pixels: number }> {
  return frame.evaluate(async (value) => {
    const slider = document.querySelector("input[aria-label=Smoothing]") as HTMLInputElement;
    const canvases = [...document.querySelectorAll<HTMLCanvasElement>(".chart canvas")];
    const frame = (act: () => void) =>
      new Promise<void>((done) =>
        requestAnimationFrame(() => {
          act();
          done();
        }),
      );
    let [start, script, pixels] = [0, 0, 0];
    // Callbacks of a frame run in the order of their requests: these before and after the page's own.
    const first = frame(() => {
      start = performance.now();
    });
    slider.value = String(value);
    slider.dispatchEvent(new Event("input"));
    const last = frame(() => {
      script = performance.now() - start;
      for (const canvas of canvases) canvas.getContext("2d")?.getImageData(0, 0, 1, 1);
      pixels = performance.now() - start;
    });
    await Promise.all([first, last]);
    return { script, pixels };
  }, smoothing);
}

/** Returns the longest time that a turn of the wheel blocks the page, while an image is zoomed in and out. */
async function longestZoom({ frame }: Webview): Promise<number> {
  return frame.evaluate(async () => {
    const canvas = document.querySelector(".tile-canvas") as HTMLCanvasElement;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const middle = { clientX: left + width / 3, clientY: top + height / 3, cancelable: true };
    let longest = 0;
    for (let turn = 0; turn < 60; turn++) {
      const start = await new Promise<number>((next) =>
        requestAnimationFrame(() => {
          const now = performance.now();
          canvas.dispatchEvent(new WheelEvent("wheel", { ...middle, deltaY: turn < 30 ? -100 : 100 }));
          next(now);
        }),
      );
      // The page draws in the next frame, before this.
      await new Promise<void>((next) => requestAnimationFrame(() => requestAnimationFrame(() => next())));
      longest = Math.max(longest, performance.now() - start);
    }
    return longest;
  });
}

/** Returns the time from loading the table until a thousand runs with all columns are drawn. */
function timeToList({ page }: Webview): Promise<number> {
  return page.evaluate(async (message) => {
    const frame = document.querySelector("iframe") as HTMLIFrameElement;
    window.addEventListener("message", function answer({ data }) {
      if (data.type !== "ready") return;
      window.removeEventListener("message", answer);
      tell(message);
    });
    const start = performance.now();
    frame.src = "/table";
    const listed = () => frame.contentDocument?.querySelector("thead")?.textContent?.includes("TRAIN.LR");
    while (listed() !== true) await new Promise((next) => setTimeout(next, 4));
    return performance.now() - start;
  }, manyRuns);
}

/** Scrolls the table by 90 pixels a frame. Returns the time of each frame, and the page's own share of it. */
function scrolled({ frame }: Webview): Promise<{ frames: number[]; work: number[] }> {
  return frame.evaluate(async () => {
    const view = document.querySelector(".table-view") as HTMLElement;
    const [frames, work]: [number[], number[]] = [[], []];
    let before = await new Promise<number>((next) => requestAnimationFrame(next));
    for (let turn = 0; turn < 120; turn++)
      await new Promise<void>((done) => {
        let start = 0;
        // Callbacks of a frame run in the order of their requests: these before and after the page's own.
        requestAnimationFrame(() => {
          start = performance.now();
        });
        view.scrollTop += 90;
        view.dispatchEvent(new Event("scroll"));
        requestAnimationFrame((now) => {
          // Reading a size forces a layout of the rows.
          view.querySelector("tbody")?.getBoundingClientRect();
          work.push(performance.now() - start);
          frames.push(now - before);
          before = now;
          done();
        });
      });
    return { frames, work };
  });
}

async function redraws(harness: Harness, title: string, events: readonly RunEvent[]): Promise<void> {
  const webview = await harness.open("panel", { width: 1000 });
  await webview.tell(
    { type: "runs", runs: [summary("long", "running")], shown: "long" },
    { type: "history", history: condense("long", events) },
  );
  await webview.frame.locator(".chart canvas").first().waitFor();
  const more = webview.frame.locator(".more-charts:visible summary");
  if ((await more.count()) > 0) {
    await more.click();
    await webview.frame.locator(".more-charts canvas").last().waitFor();
  }
  const times = [];
  for (let round = 0; round < 12; round++) times.push(await timeToRedraw(webview, 0.5 + round / 50));
  const warm = times.slice(2);
  console.log(
    `${title}: ${spread(
      warm.map(({ script }) => script),
      16,
    )}`,
  );
  console.log(
    `  with the pixels of its canvases: ${spread(
      warm.map(({ pixels }) => pixels),
      16,
    )}`,
  );
  await webview.close();
}

async function panel(): Promise<void> {
  const harness = await startHarness();
  const cells = condense("cells", recordedEvents("cells"));
  const opening = [];
  for (let round = 0; round < ROUNDS; round++) {
    const webview = await harness.open("panel", { width: 1000 });
    const messages = [{ type: "runs", runs: [summary("cells", "finished")], shown: "cells" }];
    opening.push(
      await timeToDraw(
        webview,
        "panel",
        [...messages, webview.transferable({ type: "history", history: cells })],
        ".chart canvas",
      ),
    );
    await webview.close();
  }
  console.log(`Panel loaded and drawn (a run of 40 epochs): ${spread(opening, 500)}`);

  const steps = manySteps(100_000, 1000);
  await redraws(
    harness,
    "100,000 steps redrawn, loss and learning rate",
    steps.map((step): StepEvent => ({ ...step, metrics: { loss: step.metrics.loss } })),
  );
  await redraws(harness, "100,000 steps redrawn, all six charts", steps);

  const long = [];
  for (let round = 0; round < 3; round++) {
    const webview = await harness.open("panel", { width: 1000 });
    const history = webview.transferable({ type: "history", history: condense("long", steps) });
    const messages = [{ type: "runs", runs: [summary("long", "running")], shown: "long" }, history];
    long.push(await timeToDraw(webview, "panel", messages, ".chart canvas"));
    await webview.close();
  }
  console.log(`Panel loaded and drawn (100,000 steps): ${spread(long, 500)}`);
  await harness.close();
}

async function table(): Promise<void> {
  const harness = await startHarness();
  const [lists, frameTimes, pageTimes]: number[][] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    const webview = await harness.open("table", { width: 1200, height: 800 });
    lists.push(await timeToList(webview));
    const { frames, work } = await scrolled(webview);
    frameTimes.push(...frames);
    pageTimes.push(...work);
    await webview.close();
  }
  console.log(`Runs table of 1,000 runs loaded and drawn: ${spread(lists, 500)}`);
  console.log(
    `  a frame while it scrolls: ${spread(frameTimes, 17)}; 95 % within ${percentile95(frameTimes)} ms`,
  );
  console.log(
    `  of it, the page's own work: ${spread(pageTimes, 16)}; 95 % within ${percentile95(pageTimes)} ms`,
  );
  await harness.close();
}

async function images(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-panel-"));
  const path = join(folder, "gigabyte.tif");
  await writeGigabyte(path);
  const slices = [];
  for (let round = 0; round < ROUNDS; round++) {
    // A new harness each time: its image thread starts with the first image, as in a newly started editor.
    const fresh = await startHarness();
    const webview = await fresh.open("viewer", { width: 900, height: 700 });
    const image = { path, label: "gigabyte.tif", shape: [512, 1024, 1024, 1], sampleType: "uint16" };
    slices.push(
      await timeToDraw(webview, "viewer", [{ type: "show", images: [image] }], ".tile-canvas", path),
    );
    await webview.close();
    await fresh.close();
  }
  console.log(`First slice of a TIFF of 1 GB (512 pages), page and thread started: ${spread(slices, 500)}`);
  const plane = join(folder, "plane.tif");
  await writeTiff(plane, 1, 4000);
  const withPlane = await startHarness();
  const large = { path: plane, label: "plane.tif", shape: [1, 4000, 4000, 1], sampleType: "uint16" };
  const [shown, zooms]: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const webview = await withPlane.open("viewer", { width: 900, height: 700 });
    shown.push(
      await timeToDraw(webview, "viewer", [{ type: "show", images: [large] }], ".tile-canvas", plane),
    );
    zooms.push(await longestZoom(webview));
    await webview.close();
  }
  await withPlane.close();
  console.log(`A plane of 4000 x 4000 shown: ${spread(shown, 500)}`);
  console.log(`  the longest of 60 turns of the wheel, with two frames of 16.7 ms: ${spread(zooms, 100)}`);
  await rm(folder, { recursive: true });
}

const PARTS = { panel, table, images };
const asked = process.argv.slice(2);
console.log(`${cpus().length} x ${cpus()[0].model}, Chromium headless without a GPU`);
for (const [name, measure] of Object.entries(PARTS))
  if (asked.length === 0 || asked.includes(name)) await measure();
