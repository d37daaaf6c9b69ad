import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { decode } from "fast-png";
import { condense } from "../../src/extension/panel/run-history.ts";
import type { ImageEvent, RunEvent, StepEvent } from "../../src/facts/run-events.ts";
import type { ImageRequest, RunSummary } from "../../src/protocol/panel-messages.ts";
import { type Harness, startHarness, type Webview, type WebviewOptions } from "./harness.ts";
import {
  curveHeights,
  curveRows,
  eventually,
  focusEditor,
  hover,
  imagesShown,
  pictureOn,
  pixelColor,
  textOf,
  tile,
  until,
  waitForText,
} from "./looking.ts";
import { manySteps, recordedEvents, recordedImage, summary } from "./recorded-runs.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness.close());

/** A panel that shows a run; closed, and asked for complaints, when the test is done. */
async function panel(
  use: (webview: Webview) => Promise<void>,
  {
    runs,
    events,
    options,
  }: { runs: readonly RunSummary[]; events: readonly RunEvent[]; options?: WebviewOptions },
): Promise<void> {
  const webview = await harness.open("panel", options);
  try {
    const [shown] = runs;
    await webview.tell({ type: "runs", runs, shown: shown?.id });
    if (shown !== undefined) {
      await webview.tell({ type: "history", history: condense(shown.id, events) });
      await runShown(webview);
    }
    await use(webview);
    assert.deepEqual(webview.complaints, []);
  } finally {
    await webview.close();
  }
}

/** Waits until the page has drawn a run's history. */
const runShown = ({ frame }: Webview) => frame.getByRole("region", { name: "Log" }).waitFor();

const cells = { runs: [summary("cells", "finished")], events: recordedEvents("cells") };
const cube = { runs: [summary("cube", "finished")], events: recordedEvents("cube") };

const chart = ({ frame }: Webview, title: string) =>
  frame.locator(".chart", { has: frame.getByRole("heading", { name: title, exact: true }) });

const legendValue = (webview: Webview, title: string, curve: string) =>
  chart(webview, title).locator(".legend-entry", { hasText: curve }).locator(".legend-value");

const validationLoss = (events: readonly RunEvent[], epoch: number): number => {
  const found = events.find((event) => event.event === "epoch" && event.epoch === epoch);
  return found?.event === "epoch" ? (found.validation?.loss ?? Number.NaN) : Number.NaN;
};

const shown = (value: number): string => String(Number(value.toPrecision(4)));

test("a run that was resumed does not show the end of its earlier part", () => {
  const events = recordedEvents("cells");
  const end = events.at(-1);
  assert.ok(end?.event === "end");
  const run = summary("cells", "running", { started: end.time + 1000 });
  return panel(
    async ({ frame }) => {
      await waitForText(frame.locator(".doing"), /^Epoch \d+ of \d+ done$/);
      assert.equal(await textOf(frame.locator(".progress-line .left")), "");
    },
    { runs: [run], events },
  );
});

test("a chart for each metric and the learning rate, with the run's last values", () =>
  panel(async (webview) => {
    const titles = await webview.frame.locator(".chart h3").allTextContents();
    assert.deepEqual(titles, ["Loss", "PSNR (dB)", "SSIM", "MSE", "MAE", "Learning rate"]);
    const loss = webview.frame.getByRole("group", { name: "Loss", exact: true });
    assert.equal(await loss.getByRole("button", { name: /^Validation/ }).count(), 1);
    // The last three are folded until they are asked for.
    assert.equal(await chart(webview, "MAE").isVisible(), false);
    await webview.frame.getByText("More curves").click();
    await legendValue(webview, "MAE", "Validation").waitFor();
    await waitForText(legendValue(webview, "Loss", "Validation"), shown(validationLoss(cells.events, 40)));
    // Both curves go from the left to the right of the plot.
    for (const color of ["#3794ff", "#d18616"]) {
      const canvas = chart(webview, "Loss").locator("canvas");
      await until(
        () => curveHeights(canvas, color),
        ({ length }) => length > 200,
      );
    }
  }, cells));

test("hovering reads the values at the cursor in all charts", () =>
  panel(async (webview) => {
    const plot = chart(webview, "PSNR (dB)").locator(".u-over");
    await hover(plot, 1 / 40, 0.5);
    await waitForText(legendValue(webview, "Loss", "Validation"), shown(validationLoss(cells.events, 1)));
    await hover(plot, 20 / 40, 0.5);
    await waitForText(legendValue(webview, "Loss", "Validation"), shown(validationLoss(cells.events, 20)));
    await waitForText(webview.frame.getByRole("heading", { name: "Curves" }), /at epoch (19\.9|20)/);
    // The values stand in the legends; the box beside the cursor is for compared runs.
    for (const box of await webview.frame.locator(".chart-readout").all())
      assert.equal(await box.isVisible(), false);
  }, cells));

test("dragging zooms all charts to the part chosen, and a double click shows all again", () =>
  panel(async (webview) => {
    const plot = chart(webview, "Loss").locator(".u-over");
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    assert.ok(box !== null);
    const { mouse } = webview.page;
    const middle = box.y + box.height / 2;
    await mouse.move(box.x + box.width / 2, middle);
    await mouse.down();
    await mouse.move(box.x + box.width * 0.99, middle, { steps: 4 });
    await mouse.up();
    const all = webview.frame.getByRole("button", { name: "Show all" });
    await all.waitFor({ state: "visible" });
    await hover(chart(webview, "SSIM").locator(".u-over"), 0.02, 0.5);
    await waitForText(legendValue(webview, "Loss", "Validation"), shown(validationLoss(cells.events, 20)));
    await plot.dblclick();
    await all.waitFor({ state: "hidden" });
    await hover(plot, 1 / 40, 0.5);
    await waitForText(legendValue(webview, "Loss", "Validation"), shown(validationLoss(cells.events, 1)));
  }, cells));

test("a loss that falls exponentially is straight on a log scale", () => {
  const events = manySteps(2000, 100).map(
    (step, at): StepEvent => ({ ...step, metrics: { loss: Math.exp(-at / 300) } }),
  );
  return panel(
    async (webview) => {
      const canvas = chart(webview, "Loss").locator("canvas");
      const bend = async () => {
        const heights = await curveHeights(canvas, "#3794ff");
        const at = (share: number) => heights[Math.floor(share * (heights.length - 1))];
        return Math.abs(at(0.1) + at(0.9) - 2 * at(0.5));
      };
      await until(bend, (linear) => linear > 30);
      await webview.frame.locator("vscode-checkbox", { hasText: "Log scale" }).click();
      await until(bend, (logarithmic) => logarithmic <= 2);
    },
    { runs: [summary("steps", "running")], events },
  );
});

test("smoothing calms the curve and leaves the steps faintly behind it", () =>
  panel(
    async (webview) => {
      const canvas = chart(webview, "Loss").locator("canvas");
      /** Rows that a column of the curve covers, in the middle of all columns. */
      const thickness = async () => {
        const rows = (await curveRows(canvas, "#3794ff")).flatMap((each) => each ?? []);
        return rows.map(({ top, bottom }) => bottom - top).sort((a, b) => a - b)[rows.length >> 1];
      };
      const slider = webview.frame.getByRole("slider", { name: "Smoothing" });
      await slider.fill("0");
      await until(thickness, (rows) => rows > 8);
      await slider.fill("0.97");
      await until(thickness, (rows) => rows <= 3);
    },
    { runs: [summary("steps", "running")], events: manySteps(4000, 100) },
  ));

test("a running run shows its epoch, time left, device and memory, and follows new events", () => {
  const at = cells.events.findIndex(({ event }) => event === "epoch");
  const events = cells.events.slice(0, at + 1);
  const later = cells.events.slice(at + 1, at + 4);
  return panel(
    async (webview) => {
      const progress = webview.frame.getByRole("region", { name: "Progress" });
      await waitForText(progress.locator(".doing"), "Epoch 1 of 40 done");
      const facts = await textOf(progress.locator(".facts"));
      assert.match(facts, /CPU, 2 threads \(onnxruntime\)/);
      assert.match(facts, /Memory\d+ MB/);
      await webview.tell({ type: "events", run: "cells", events: later });
      const step = later.findLast((event) => event.event === "step");
      assert.ok(step?.event === "step");
      await waitForText(progress.locator(".doing"), `Epoch 2 of 40, step ${step.step} of 9`);
      // All of it is drawn at once.
      assert.equal(await textOf(progress.locator(".left")), "about 20 min left");
      const done = await progress.getByRole("progressbar").evaluate((bar: HTMLProgressElement) => bar.value);
      assert.ok(Math.abs(done - (1 + step.step / 9) / 40) < 1e-9);
      // More may come.
      await webview.said("events-drawn");
    },
    { runs: [summary("cells", "running", { timeLeft: "about 20 min" })], events },
  );
});

test("a run that is known from its log alone shows what it reached, and nothing that the log lacks", () =>
  panel(
    async (webview) => {
      const progress = webview.frame.getByRole("region", { name: "Progress" });
      await waitForText(progress.locator(".doing"), "40 of 40 epochs");
      assert.doesNotMatch(await textOf(progress.locator(".facts")), /Memory/);
    },
    {
      runs: cells.runs,
      events: cells.events.flatMap((event) =>
        event.event === "epoch" ? [{ ...event, memoryBytes: 0 }] : [],
      ),
    },
  ));

test("Stop and Resume ask the extension, by keyboard too", async () => {
  await panel(
    async (webview) => {
      const stop = webview.frame.getByRole("button", { name: "Stop" });
      await stop.focus();
      await webview.page.keyboard.press("Enter");
      assert.deepEqual(await webview.said("stop"), [{ type: "stop", run: "cells" }]);
      await webview.frame.getByRole("button", { name: "Stopping…" }).waitFor();
      await webview.tell({
        type: "runs",
        runs: [summary("cells", "stopped", { resumable: true })],
        shown: "cells",
      });
      await webview.frame.getByRole("button", { name: "Resume" }).click();
      assert.deepEqual(await webview.said("resume"), [{ type: "resume", run: "cells" }]);
    },
    { ...cells, runs: [summary("cells", "running")] },
  );
});

test("errors stand in one place above the curves, with a link to where they are fixed", () => {
  const time = Date.now();
  const events: RunEvent[] = [
    { event: "log", level: "info", message: "Reads 12 images.", time },
    { event: "log", level: "warning", message: "One image is small.", time },
    { event: "log", level: "warning", message: "The batch may not fit.", partSize: 3, time },
    {
      event: "problems",
      time,
      problems: [
        {
          severity: "error",
          key: "DATA.PATCH_SIZE",
          message: "DATA.PATCH_SIZE is too large.",
          file: "/a.yaml",
          line: 7,
        },
      ],
    },
    { event: "end", status: "failed", message: "The disk is full.", runDirectory: "/r", time },
  ];
  return panel(
    async (webview) => {
      const lines = await webview.frame.locator(".log-errors .log-text").allTextContents();
      await webview.frame.getByRole("button", { name: "Show Log" }).waitFor();
      assert.deepEqual(lines, [
        "DATA.PATCH_SIZE is too large.",
        "The disk is full.",
        "One image is small.",
        "The batch may not fit.",
      ]);
      assert.equal(await webview.frame.locator(".log-tail li").count(), 5);
      assert.equal(await textOf(webview.frame.locator(".doing")), "");
      await webview.frame.locator(".log-errors").getByRole("button", { name: "Go to Line 7" }).click();
      assert.deepEqual(await webview.said("open-file"), [{ type: "open-file", path: "/a.yaml", line: 7 }]);
      await webview.frame.getByRole("button", { name: "Compute in Parts of 3" }).click();
      assert.deepEqual(await webview.said("set-part-size"), [{ type: "set-part-size", size: 3 }]);
    },
    { runs: [summary("broken", "failed")], events },
  );
});

test("reconstruction checks stand in one row and change with every epoch", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "panel-"));
  context.after(() => rm(folder, { recursive: true }));
  const from = "cells/results/cells_1/MAE_checks/nuclei-0";
  const original = join(folder, "original.tif");
  await copyFile(recordedImage(`${from}1_original.tif`), original);
  const image = (epoch: number): ImageEvent => ({
    event: "image",
    kind: "mae-check",
    image: "nuclei-01.tif",
    epoch,
    time: epoch,
    files: {
      original,
      masked: recordedImage(`${from}1_masked.tif`),
      reconstruction: recordedImage(`${from}1_reconstruction.tif`),
      reconstructionAndVisible: recordedImage(`${from}1_reconstruction_and_visible.tif`),
    },
  });
  await panel(
    async (webview) => {
      const { frame } = webview;
      await imagesShown(webview);
      assert.deepEqual(await frame.locator(".tile-title").allTextContents(), [
        "Original",
        "Masked",
        "Reconstruction",
        "With visible",
      ]);
      const tops = await frame
        .locator(".tile")
        .evaluateAll((tiles) => tiles.map((tile) => tile.getBoundingClientRect().top));
      assert.equal(new Set(tops).size, 1);
      await tile(frame, "Original").locator("canvas").focus();
      await webview.page.keyboard.press("ArrowRight");
      const value = tile(frame, "Original").locator(".tile-value");
      await waitForText(value, /^\d+ {2}\(y 128, x 65\)/);
      const before = await textOf(value);
      // tifffile reads 17 here from the second image, and not from the first.
      await copyFile(recordedImage(`${from}2_original.tif`), original);
      await webview.tell({ type: "events", run: "cells", events: [image(2)] });
      await waitForText(frame.locator(".image-caption"), /after epoch 2/);
      await imagesShown(webview);
      assert.notEqual(await textOf(value), before);
    },
    { runs: [summary("cells", "running")], events: [image(1)] },
  );
});

test("the slider moves through the slices, and the cursor reads the files' values", () =>
  panel(async (webview) => {
    const { frame } = webview;
    const valueUnder = (title: string) => tile(frame, title).locator(".tile-value");
    await imagesShown(webview);
    await hover(tile(frame, "Original").locator("canvas"), 0.5, 0.5);
    // Values by tifffile. The panel starts in the middle.
    await waitForText(valueUnder("Original"), "167  (y 30, x 12)");
    await waitForText(valueUnder("Prediction"), "198  (y 30, x 12)");
    await frame.getByRole("slider", { name: "Slice (z)" }).fill("31");
    await waitForText(valueUnder("Original"), "195  (y 30, x 12)");
    await waitForText(valueUnder("Prediction"), "203  (y 30, x 12)");
    await frame.getByRole("slider", { name: "Slice (z)" }).focus();
    await webview.page.keyboard.press("ArrowLeft");
    await waitForText(frame.locator(".image-row .stepper-text"), "30 / 31");
  }, cube));

test("predictions have previews, and the one that is chosen is shown", () =>
  panel(async (webview) => {
    const { frame, page } = webview;
    await frame.getByRole("tab", { name: "Predictions" }).click();
    const previews = frame.getByRole("option", { name: /^nuclei-0[12]\.tif$/ });
    assert.equal(await previews.count(), 2);
    assert.equal(await previews.first().getAttribute("aria-selected"), "true");
    await previews.first().focus();
    await page.keyboard.press("ArrowRight");
    await waitForText(frame.locator(".image-caption .hint"), "nuclei-02.tif");
    assert.equal(await previews.last().getAttribute("aria-selected"), "true");
    await imagesShown(webview);
    assert.deepEqual(await frame.locator(".tile-title").allTextContents(), [
      "Original",
      "Masked",
      "Prediction",
    ]);
    // Both previews are pictures: not all of their pixels are alike.
    for (const preview of await previews.all()) {
      const colors = () =>
        preview.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
          const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {
            data: [],
          };
          return new Set(data).size;
        });
      await until(colors, (count) => count > 20);
    }
  }, cells));

test("the preview that has the focus keeps it when an image is added", () =>
  panel(async (webview) => {
    const { frame, page } = webview;
    await frame.getByRole("tab", { name: "Predictions" }).click();
    await frame.getByRole("option", { name: "nuclei-01.tif" }).focus();
    const image = cells.events.find((event) => event.event === "image" && event.kind === "prediction");
    assert.ok(image?.event === "image");
    await webview.tell({ type: "events", run: "cells", events: [{ ...image, image: "new.tif" }] });
    await frame.getByRole("option", { name: "new.tif" }).waitFor();
    await page.keyboard.press("ArrowRight");
    await waitForText(frame.locator(".image-caption .hint"), "nuclei-02.tif");
  }, cells));

test("images chosen while those before are read take their place, though files of both are read again", () => {
  let begun = () => {};
  const reading = new Promise<void>((resolve) => {
    begun = resolve;
  });
  /** The planes of before come, and are asked for anew, before it is known what the files chosen now hold. */
  const beforeImage = async ({ type }: ImageRequest): Promise<void> => {
    if (type !== "open-image") begun();
    await setTimeout(type === "open-image" ? 600 : 400);
  };
  return panel(
    async (webview) => {
      await reading;
      await webview.frame.getByRole("tab", { name: "Predictions" }).click();
      await imagesShown(webview);
      const titles = await webview.frame.locator(".tile-title").allTextContents();
      assert.deepEqual(titles, ["Original", "Masked", "Prediction"]);
    },
    { ...cells, options: { beforeImage } },
  );
});

test("the difference is that of the files' values", () =>
  panel(async (webview) => {
    const { frame } = webview;
    await frame.locator("vscode-checkbox", { hasText: "Difference" }).click();
    const difference = tile(frame, "Prediction − Original");
    await hover(difference.locator("canvas"), 0.5, 0.5);
    await waitForText(difference.locator(".tile-value"), "+31  (y 30, x 12)");
    // What the prediction makes brighter is red.
    await until(
      () => pixelColor(difference.locator("canvas"), 0.51, 0.5),
      ([red, , blue]) => red > blue + 20,
    );
  }, cube));

test("zooming and moving one image moves all of them", () =>
  panel(async (webview) => {
    const { frame, page } = webview;
    const canvases = frame.locator(".tile-canvas");
    const values = frame.locator(".tile-value");
    await imagesShown(webview);
    const zoom = async () => Number.parseFloat(await textOf(frame.locator(".zoom-text")));
    const fitted = await zoom();
    await hover(canvases.nth(0), 0.5, 0.5);
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -400);
    await page.keyboard.up("Control");
    await until(zoom, (percent) => Math.abs(percent / fitted - Math.exp(4 / 3)) < 0.05);
    await hover(canvases.nth(0), 0.9, 0.9);
    const place = async (index: number) => (await textOf(values.nth(index))).replace(/^.*\(/, "(");
    // Without the zoom it would be y 54, x 21.
    await waitForText(values.nth(0), /\(y 3\d, x 1[5-9]\)$/);
    const first = await place(0);
    await page.mouse.move(0, 0);
    await waitForText(values.nth(0), "");
    await hover(canvases.nth(1), 0.9, 0.9);
    for (const index of [0, 1]) await eventually(async () => assert.equal(await place(index), first));
    await canvases.nth(1).focus();
    await page.keyboard.press("0");
    await until(zoom, (percent) => percent === fitted);
  }, cube));

test("a contrast chosen by hand makes all that is above it white", () =>
  panel(async (webview) => {
    const { frame, page } = webview;
    const canvas = frame.locator(".tile-canvas").first();
    const color = () => pixelColor(canvas, 0.51, 0.5);
    await imagesShown(webview);
    const field = frame.getByRole("textbox", { name: "Brightest value" });
    await field.fill("10");
    await page.keyboard.press("Enter");
    await waitForText(frame.getByRole("combobox", { name: "Contrast" }).locator("option:checked"), "Manual");
    await eventually(async () => assert.deepEqual(await color(), [255, 255, 255]));
    await field.fill("100000");
    await page.keyboard.press("Enter");
    await until(color, ([red]) => red < 5);
  }, cube));

test("charts and words follow the theme", () =>
  panel(async (webview) => {
    const canvas = chart(webview, "Loss").locator("canvas");
    const count = async (color: string) => (await curveHeights(canvas, color)).length;
    const words = () =>
      webview.frame.locator("body").evaluate((body) => getComputedStyle(body).color.replaceAll(" ", ""));
    assert.equal(await words(), "rgb(204,204,204)");
    await until(
      () => count("#3794ff"),
      (columns) => columns > 200,
    );
    await webview.setTheme("light");
    await until(
      () => count("#1a85ff"),
      (columns) => columns > 200,
    );
    assert.equal(await count("#3794ff"), 0);
    assert.equal(await words(), "rgb(59,59,59)");
  }, cells));

test("a history that was sent before the page had loaded is requested", () =>
  panel(async (webview) => {
    await webview.tell({
      type: "runs",
      runs: [...cells.runs, ...cube.runs],
      shown: "cells",
      sent: ["cells", "cube"],
    });
    assert.deepEqual(await webview.said("ask-history"), [{ type: "ask-history", run: "cube" }]);
  }, cells));

test("charts are read by keyboard, and spoken", () =>
  panel(async (webview) => {
    const plot = chart(webview, "Loss").locator(".chart-plot");
    await eventually(async () =>
      assert.match(
        (await plot.getAttribute("aria-label")) ?? "",
        /^Loss: Train, smoothed [\d.]+, Validation 0\.6209/,
      ),
    );
    await plot.focus();
    await webview.page.keyboard.press("End");
    await waitForText(
      webview.frame.getByRole("region", { name: "Curves" }).locator(".spoken"),
      /^Epoch 40: Train, smoothed [\d.]+, Validation 0\.6209/,
    );
    await webview.page.keyboard.press("+");
    await webview.frame.getByRole("button", { name: "Show all" }).waitFor();
    await webview.page.keyboard.press("Escape");
    await webview.frame.getByRole("button", { name: "Show all" }).waitFor({ state: "hidden" });
  }, cells));

test("Tab reaches everything in the order of the page, and everything has a name", () =>
  panel(
    async (webview) => {
      const { frame, page } = webview;
      const names: string[] = [];
      await imagesShown(webview);
      await frame.evaluate(() => document.body.focus());
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press("Tab");
        const name = await frame.evaluate(() => {
          let active = document.activeElement;
          while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
          if (active === null || active === document.body) return undefined;
          const host =
            active.getRootNode() instanceof ShadowRoot ? (active.getRootNode() as ShadowRoot).host : active;
          const label =
            active.getAttribute("aria-label") ?? host.getAttribute("aria-label") ?? host.textContent;
          return `${host.localName} ${label?.trim()}`;
        });
        if (name === undefined) break;
        names.push(name);
      }
      const order = [
        "select Run",
        "vscode-button Stop",
        "input Slice (z)",
        "canvas Original",
        "input Smoothing",
        "vscode-checkbox Log scale",
        "button Train",
        "ol Last lines of the log",
      ];
      const places = order.map((wanted) => names.findIndex((name) => name.startsWith(wanted)));
      assert.ok(
        places.every((place) => place >= 0),
        `${order[places.indexOf(-1)]} in ${names.join("; ")}`,
      );
      assert.deepEqual(
        places,
        [...places].sort((a, b) => a - b),
      );
      assert.deepEqual(
        names.filter((name) => /^\S+ *$|undefined|Text field/.test(name)),
        [],
      );
    },
    { ...cube, runs: [summary("cube", "running")] },
  ));

test("another run is chosen by keyboard", () =>
  panel(
    async (webview) => {
      await webview.frame.getByRole("combobox", { name: "Run" }).focus();
      await webview.page.keyboard.press("ArrowDown");
      assert.deepEqual(await webview.said("show-run"), [{ type: "show-run", run: "cube" }]);
    },
    { ...cells, runs: [...cells.runs, ...cube.runs] },
  ));

test("compared runs carry the names that they were given", () =>
  panel(
    async (webview) => {
      await webview.tell(
        { type: "compare", runs: ["cube"] },
        { type: "history", history: condense("cube", cube.events) },
      );
      assert.deepEqual(await webview.said("ask-details", 2), [
        { type: "ask-details", run: "cells" },
        { type: "ask-details", run: "cube" },
      ]);
      const notes = { title: "Deep model", notes: "", starred: false };
      await webview.tell({ type: "details", details: { run: "cube", notes } });
      const entries = webview.frame.locator(".shared-legend .legend-entry");
      await eventually(async () =>
        assert.deepEqual(await entries.allTextContents(), ["cells, run 1", "Deep model"]),
      );
    },
    { ...cells, runs: [...cells.runs, ...cube.runs] },
  ));

test("curves of compared runs share the charts, and are hidden by their name in the legend", () =>
  panel(
    async (webview) => {
      const { frame } = webview;
      await frame.getByRole("button", { name: "Compare…" }).click();
      await frame.locator("vscode-checkbox", { hasText: "cube, run 1" }).click();
      assert.deepEqual(await webview.said("compare-runs"), [{ type: "compare-runs", runs: ["cube"] }]);
      await webview.tell(
        { type: "compare", runs: ["cube"] },
        { type: "history", history: condense("cube", cube.events) },
      );
      // One legend for all charts, with each run once.
      const entries = frame.locator(".shared-legend .legend-entry");
      await eventually(async () =>
        assert.deepEqual(await entries.allTextContents(), ["cells, run 1", "cube, run 1"]),
      );
      assert.equal(await chart(webview, "Loss").locator(".chart-legend .legend-entry").count(), 0);
      await waitForText(frame.locator(".shared-legend .hint"), "solid: validation, dashed: train, smoothed");
      await frame.getByRole("slider", { name: "Smoothing" }).fill("0");
      await waitForText(frame.locator(".shared-legend .hint"), "solid: validation, dashed: train");
      const canvas = chart(webview, "Loss").locator("canvas");
      const orange = async () => (await curveHeights(canvas, "#d18616")).length;
      await until(orange, (columns) => columns > 50);
      await entries.filter({ hasText: "cube" }).focus();
      await webview.page.keyboard.press("Enter");
      await eventually(async () => assert.equal(await orange(), 0));
      await webview.page.keyboard.press("Enter");
      await until(orange, (columns) => columns > 50);
      await webview.page.keyboard.press("Enter");
      await frame.getByRole("button", { name: "cube, run 1", pressed: false }).waitFor();
      // The values under the cursor are read beside it.
      await hover(chart(webview, "Loss").locator(".u-over"), 0.5, 0.5);
      await chart(webview, "Loss")
        .locator(".chart-readout", { hasText: "cells, run 1 validation" })
        .waitFor();
    },
    { ...cells, runs: [...cells.runs, ...cube.runs] },
  ));

test("runs to compare are chosen by keyboard, as fast as one likes", () => {
  const more = ["cube", "deep", "wide"].map((name) => summary(name, "finished"));
  return panel(
    async (webview) => {
      const { frame, page } = webview;
      await frame.getByRole("button", { name: "Compare…" }).click();
      const box = (run: string) => frame.locator("vscode-checkbox", { hasText: `${run}, run 1` });
      await box("deep").focus();
      await page.keyboard.press(" ");
      await webview.said("compare-runs");
      // What is drawn meanwhile is of before.
      await webview.tell({ type: "events", run: "cells", events: manySteps(1, 1) });
      await webview.said("events-drawn");
      await box("wide").focus();
      await page.keyboard.press(" ");
      const [, both] = await webview.said("compare-runs", 2);
      assert.deepEqual(both, { type: "compare-runs", runs: ["deep", "wide"] });
      await webview.tell({ type: "compare", runs: ["deep", "wide"] });
      await frame.getByRole("checkbox", { name: "deep, run 1", checked: true }).waitFor();
      // The box that was chosen last still has the focus, also when another run has appeared.
      const runs = [...cells.runs, summary("new", "running"), ...more];
      await webview.tell({ type: "runs", runs, shown: "cells" });
      await box("new").waitFor();
      await page.keyboard.press(" ");
      const [, , one] = await webview.said("compare-runs", 3);
      assert.deepEqual(one, { type: "compare-runs", runs: ["deep"] });
    },
    { ...cells, runs: [...cells.runs, ...more] },
  );
});

test("boxes and tabs that are redrawn do not take the focus from the editor", () =>
  panel(
    async (webview) => {
      const { frame, page } = webview;
      await frame.getByRole("button", { name: "Compare…" }).click();
      await frame.locator("vscode-checkbox").first().focus();
      const editor = await focusEditor(webview);
      await webview.tell({
        type: "runs",
        runs: [...cells.runs, summary("new", "running"), ...cube.runs],
        shown: "cells",
      });
      await frame.locator("vscode-checkbox", { hasText: "new, run 1" }).waitFor();
      await page.keyboard.type("box");
      await frame.getByRole("tab", { name: "Reconstructions" }).focus();
      await editor.focus();
      const image = cells.events.find((event) => event.event === "image");
      assert.ok(image !== undefined);
      await webview.tell({ type: "events", run: "cells", events: [{ ...image, kind: "features" }] });
      await frame.getByRole("tab", { name: "Features" }).waitFor();
      await page.keyboard.type("tab");
      assert.equal(await editor.inputValue(), "boxtab");
    },
    { ...cells, runs: [...cells.runs, ...cube.runs] },
  ));

test("runs that are compared from the table have their curves in view", () =>
  panel(
    async (webview) => {
      const { frame } = webview;
      await imagesShown(webview);
      const top = () =>
        frame
          .getByRole("region", { name: "Curves" })
          .evaluate((curves) => curves.getBoundingClientRect().top);
      assert.ok((await top()) > 300);
      await webview.tell(
        { type: "compare", runs: ["cube"] },
        // The list of runs changes while the history is read.
        { type: "runs", runs: [summary("cells", "stopped"), ...cube.runs], shown: "cells" },
        { type: "compare", runs: ["cube"] },
        { type: "history", history: condense("cube", cube.events) },
      );
      await eventually(async () => assert.ok(Math.abs(await top()) < 20, String(await top())));
    },
    { ...cells, runs: [...cells.runs, ...cube.runs], options: { width: 500, height: 500 } },
  ));

test("the panel stays where it was scrolled to while runs train and its comparison changes", () => {
  const [slower, other] = [summary("slower", "running"), summary("other", "finished")];
  return panel(
    async (webview) => {
      const { frame } = webview;
      const entries = frame.locator(".shared-legend .legend-entry");
      const legend = (...names: string[]) =>
        eventually(async () => assert.deepEqual(await entries.allTextContents(), names));
      const place = () => frame.evaluate(() => document.documentElement.scrollTop);
      await imagesShown(webview);
      await webview.tell(
        { type: "compare", runs: ["cube", "slower"] },
        { type: "history", history: condense("cube", cube.events) },
        { type: "history", history: condense("slower", cells.events) },
        { type: "history", history: condense("other", cells.events) },
      );
      await legend("cells, run 1", "cube, run 1", "slower, run 1");
      await frame.evaluate(() => document.documentElement.scrollTo(0, 100));
      await webview.tell({ type: "events", run: "slower", events: manySteps(1, 1) });
      await webview.said("events-drawn");
      assert.equal(await place(), 100);
      // A compared run is taken out elsewhere.
      await webview.tell({ type: "compare", runs: ["slower"] });
      await legend("cells, run 1", "slower, run 1");
      assert.equal(await place(), 100);
      // Another one is added here.
      await frame.getByRole("button", { name: "Compare…" }).click();
      await frame.locator("vscode-checkbox", { hasText: "other, run 1" }).click();
      const chosen = await place();
      await webview.tell({ type: "compare", runs: ["slower", "other"] });
      await legend("cells, run 1", "slower, run 1", "other, run 1");
      assert.equal(await place(), chosen);
    },
    { ...cells, runs: [...cells.runs, ...cube.runs, slower, other], options: { width: 500, height: 500 } },
  );
});

test("the contrast is chosen below the images", () =>
  panel(async (webview) => {
    await imagesShown(webview);
    const top = (selector: string) =>
      webview.frame
        .locator(selector)
        .first()
        .evaluate((each) => each.getBoundingClientRect().top);
    assert.ok((await top(".contrast")) > (await top(".tile-canvas")));
  }, cells));

test("a chart's numbers are saved as CSV, and its picture as a PNG", () =>
  panel(async (webview) => {
    const { frame } = webview;
    const choose = async (item: string) => {
      await chart(webview, "Loss").click({ button: "right" });
      await frame.getByRole("menuitem", { name: item }).click();
    };
    await choose("Save as CSV…");
    const [{ name, content }] = await webview.said("save-file");
    assert.equal(name, "loss.csv");
    const [header, ...rows] = Buffer.from(content as string, "base64")
      .toString()
      .split("\n");
    assert.equal(header, 'epoch,"Train, each step","Train, smoothed",Validation');
    const last = rows[rows.length - 1].split(",");
    assert.deepEqual([last[0], Number(last[3])], ["40", validationLoss(cells.events, 40)]);
    await choose("Save as PNG…");
    const [, picture] = await webview.said("save-file", 2);
    assert.equal(picture.name, "loss.png");
    const { width, height } = decode(Buffer.from(picture.content as string, "base64"));
    assert.ok(width > 150 && height > 160);
  }, cells));

test("a chart or a log that cannot be copied is reported", () =>
  panel(async (webview) => {
    const { frame } = webview;
    await chart(webview, "Loss").waitFor();
    await frame.evaluate(() => {
      const refuse = () => Promise.reject(new Error("denied by the test"));
      Object.defineProperty(navigator, "clipboard", { value: { write: refuse, writeText: refuse } });
    });
    for (const item of ["Copy as PNG", "Copy as CSV"]) {
      await chart(webview, "Loss").click({ button: "right" });
      await frame.getByRole("menuitem", { name: item }).click();
    }
    await frame
      .getByRole("region", { name: "Log", exact: true })
      .getByRole("button", { name: "Copy" })
      .click();
    const report = { type: "failed", message: "Not copied: denied by the test" };
    assert.deepEqual(await webview.said("failed", 3), [report, report, report]);
  }, cells));

test("a reconstruction is replayed epoch by epoch", () => {
  const from = "cells/results/cells_1/MAE_checks/nuclei-0";
  const pictures = (epoch: number, number: number) => ({
    epoch,
    images: { "nuclei-01.tif": { reconstruction: recordedImage(`${from}${number}_original.tif`) } },
  });
  return panel(async (webview) => {
    const { frame } = webview;
    await imagesShown(webview);
    await webview.said("ask-epochs");
    await webview.tell({
      type: "epochs",
      run: "cells",
      epochs: [pictures(1, 1), pictures(9, 2), pictures(40, 1)],
    });
    const caption = frame.locator(".image-caption .hint").first();
    const picture = () => pictureOn(tile(frame, "Reconstruction").locator("canvas"));
    const newest = await picture();
    await frame.getByRole("slider", { name: "Epoch" }).fill("2");
    await waitForText(caption, "nuclei-01.tif, after epoch 9");
    await imagesShown(webview);
    await until(picture, (now) => now !== newest);
    await frame.getByRole("slider", { name: "Epoch" }).fill("3");
    await waitForText(caption, "nuclei-01.tif, after epoch 40");
    await imagesShown(webview);
    await until(picture, (now) => now === newest);
  }, cells);
});

test("augmented patches stand beside what they were made from, by their names", () => {
  const from = "cells/results/cells_1/MAE_checks/nuclei-01";
  const event: ImageEvent = {
    event: "image",
    kind: "augmentation",
    image: "nuclei-01.tif",
    time: 1,
    files: {
      original: recordedImage(`${from}_original.tif`),
      reconstruction: recordedImage(`${from}_masked.tif`),
    },
  };
  return panel(
    async (webview) => {
      await imagesShown(webview);
      const titles = await webview.frame.locator(".tile-title").allTextContents();
      assert.deepEqual(titles, ["Original", "Augmented"]);
    },
    { runs: [summary("cells", "finished")], events: [event] },
  );
});

test("what a configuration changes is listed, and name and notes are kept", () =>
  panel(async (webview) => {
    const { frame, page } = webview;
    assert.deepEqual(await webview.said("ask-details"), [{ type: "ask-details", run: "cells" }]);
    const changed = [{ key: "TRAIN.LR", value: "0.001", defaultValue: "0.0001", line: 12 }];
    const notes = { title: "", notes: "first try", starred: true };
    await webview.tell({
      type: "details",
      details: { run: "cells", notes, configuration: { file: "/cells.yaml", changed } },
    });
    await frame.getByText("Configuration: 1 key differs from the defaults").click();
    await frame.getByRole("button", { name: "TRAIN.LR" }).click();
    assert.deepEqual(await webview.said("open-file"), [{ type: "open-file", path: "/cells.yaml", line: 12 }]);
    await frame.getByRole("textbox", { name: "Name" }).fill("Baseline");
    await page.keyboard.press("Tab");
    assert.deepEqual(await webview.said("annotate"), [
      { type: "annotate", run: "cells", notes: { ...notes, title: "Baseline" } },
    ]);
  }, cells));

test("a name that is being saved stays in its field when events arrive", () =>
  panel(async (webview) => {
    const { frame } = webview;
    const notes = { title: "", notes: "", starred: false };
    await webview.tell({ type: "details", details: { run: "cells", notes } });
    const name = frame.getByRole("textbox", { name: "Name" });
    await name.fill("baseline");
    await name.press("Tab");
    await webview.said("annotate");
    await webview.tell({ type: "events", run: "cells", events: manySteps(1, 1) });
    await webview.said("events-drawn");
    assert.equal(await name.inputValue(), "baseline");
  }, cells));

test("the link to a key of the configuration stays in its place when a name is saved", () =>
  panel(async (webview) => {
    const { frame } = webview;
    const changed = [{ key: "TRAIN.LR", value: "0.001", defaultValue: "0.0001", line: 12 }];
    const details = (title: string) => ({
      run: "cells",
      notes: { title, notes: "", starred: false },
      configuration: { file: "/cells.yaml", changed },
    });
    await webview.tell({ type: "details", details: details("") });
    await frame.getByText("Configuration: 1 key differs from the defaults").click();
    const link = await frame.getByRole("button", { name: "TRAIN.LR" }).elementHandle();
    await webview.tell({ type: "details", details: details("Baseline") });
    await waitForText(frame.locator("h1.spoken"), "Training of Baseline");
    assert.equal(await link?.evaluate((element) => element.isConnected), true);
  }, cells));

test("what is shown of a run stays in its place while it trains", () => {
  const at = cells.events.findIndex(({ event }) => event === "epoch");
  return panel(
    async (webview) => {
      const { frame, page } = webview;
      await imagesShown(webview);
      const step = frame.locator(".facts div", { hasText: "Step" }).locator("dd");
      const line = frame.locator(".log-tail li").first();
      const kept = [await step.elementHandle(), await line.elementHandle()];
      // A number that is being typed.
      const percent = frame.getByRole("textbox", { name: "Percent of values clipped at either end" });
      await percent.selectText();
      await page.keyboard.type("1.");
      const lines = await frame.locator(".log-tail li").count();
      // It would not be announced again, either.
      await frame.locator(".log-errors").evaluate((errors) =>
        new MutationObserver(() => errors.setAttribute("data-changed", "")).observe(errors, {
          attributes: true,
          attributeFilter: ["hidden"],
          childList: true,
        }),
      );
      await webview.tell({ type: "events", run: "cells", events: cells.events.slice(at + 1, at + 40) });
      await until(
        () => frame.locator(".log-tail li").count(),
        (count) => count > lines,
      );
      await imagesShown(webview);
      assert.equal(await frame.locator(".log-errors[data-changed]").count(), 0);
      for (const each of kept) assert.equal(await each?.evaluate((element) => element.isConnected), true);
      assert.equal(await percent.inputValue(), "1.");
      await page.keyboard.press("Enter");
      await eventually(async () => assert.equal(await percent.inputValue(), "1"));
    },
    {
      runs: [summary("cells", "running")],
      events: [
        ...cells.events.slice(0, at + 1),
        { event: "log", level: "warning", message: "One image is small.", time: cells.events[at].time },
      ],
    },
  );
});

test("the log has its last two hundred lines, and those of another run when that is shown", () => {
  const line = (index: number): RunEvent => ({
    event: "log",
    level: "info",
    message: `line ${index}`,
    time: index,
  });
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => line(from + index));
  return panel(
    async (webview) => {
      const texts = () => webview.frame.locator(".log-tail .log-text").allTextContents();
      const last = (from: number, to: number) =>
        eventually(async () =>
          assert.deepEqual(
            await texts(),
            Array.from({ length: to - from }, (_, index) => `line ${from + index}`),
          ),
        );
      await last(50, 250);
      await webview.tell({ type: "events", run: "cells", events: lines(250, 260) });
      await last(60, 260);
      // More at once than are shown.
      await webview.tell({ type: "events", run: "cells", events: lines(260, 700) });
      await last(500, 700);
      await webview.tell(
        { type: "runs", runs: [...cells.runs, ...cube.runs], shown: "cube" },
        { type: "history", history: condense("cube", lines(3, 5)) },
      );
      await last(3, 5);
    },
    { runs: [...cells.runs, ...cube.runs], events: lines(0, 250) },
  );
});

test("notes that are being written stay with their run when another one is shown", () =>
  panel(
    async (webview) => {
      const { frame } = webview;
      const notes = { title: "", notes: "", starred: false };
      await webview.tell({ type: "details", details: { run: "cells", notes } });
      const field = frame.getByRole("textbox", { name: "Notes" });
      await field.fill("of cells");
      await webview.tell(
        { type: "runs", runs: [...cells.runs, ...cube.runs], shown: "cube" },
        { type: "history", history: condense("cube", cube.events) },
        { type: "details", details: { run: "cube", notes: { ...notes, notes: "of cube" } } },
      );
      await eventually(async () => assert.equal(await field.inputValue(), "of cube"));
      assert.deepEqual(await webview.said("annotate"), [
        { type: "annotate", run: "cells", notes: { ...notes, notes: "of cells" } },
      ]);
    },
    { ...cells, runs: [...cells.runs, ...cube.runs] },
  ));

test("a narrow panel has its images two by two, and nothing beyond its edge", () =>
  panel(
    async (webview) => {
      await imagesShown(webview);
      const { frame } = webview;
      const boxes = await frame
        .locator(".tile")
        .evaluateAll((tiles) => tiles.map((tile) => tile.getBoundingClientRect().top));
      assert.equal(new Set(boxes).size, 2);
      const beyond = await frame.evaluate(() =>
        [...document.querySelectorAll("main *")]
          .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
          .filter((each) => each.closest(".table-scroll, .thumbnails, .spoken, .channels") === null)
          .map((each) => each.outerHTML.slice(0, 100)),
      );
      assert.deepEqual(beyond, []);
      const cut = await frame
        .locator(".tile-title")
        .evaluateAll((titles) => titles.filter((title) => title.scrollWidth > title.clientWidth).length);
      assert.equal(cut, 0);
    },
    { ...cells, options: { width: 240 } },
  ));

test("without a run there is a button to run one", () =>
  panel(
    async (webview) => {
      await webview.frame.getByRole("button", { name: "Run Training" }).click();
      assert.deepEqual(await webview.said("command"), [{ type: "command", command: "run-training" }]);
    },
    { runs: [], events: [] },
  ));

test("a page that is loaded again asks for its run, and looks as it did", () =>
  panel(async (webview) => {
    await webview.frame.getByRole("slider", { name: "Smoothing" }).fill("0.3");
    await webview.reload();
    const [, again] = await webview.said("ready", 2);
    assert.equal((again.state as { run: string }).run, "cells");
    await webview.tell(
      { type: "runs", runs: cells.runs, shown: "cells" },
      { type: "history", history: condense("cells", cells.events) },
    );
    await runShown(webview);
    assert.equal(await webview.frame.getByRole("slider", { name: "Smoothing" }).inputValue(), "0.3");
    assert.equal(await webview.frame.locator(".chart").count(), 6);
  }, cells));

test("a panel that is shown again is scrolled to where it was, though its images are read later", () =>
  panel(
    async (webview) => {
      const { frame, page } = webview;
      await imagesShown(webview);
      const log = frame.getByRole("region", { name: "Log", exact: true });
      await log.scrollIntoViewIfNeeded();
      const place = () => frame.evaluate(() => document.documentElement.scrollTop);
      const scrolled = await place();
      assert.ok(scrolled > 500, String(scrolled));
      const kept = () => frame.evaluate(() => JSON.parse(sessionStorage.getItem("state") ?? "{}").scroll);
      await until(kept, (top) => top === scrolled);
      await webview.reload();
      await webview.said("ready", 2);
      await webview.tell(
        { type: "runs", runs: cells.runs, shown: "cells" },
        { type: "history", history: condense("cells", cells.events) },
      );
      await runShown(webview);
      await imagesShown(webview);
      await eventually(async () => assert.equal(await place(), scrolled));
      // Then it is the user's.
      await page.mouse.move(100, 100);
      await page.mouse.wheel(0, -300);
      await until(place, (top) => top < scrolled);
      const chosen = await place();
      await webview.tell({ type: "events", run: "cells", events: manySteps(1, 1) });
      await webview.said("events-drawn");
      assert.ok((await place()) <= chosen);
    },
    { ...cells, options: { width: 500, height: 500 } },
  ));

test("a hundred thousand steps are shown", () =>
  panel(
    async (webview) => {
      const canvas = chart(webview, "Loss").locator("canvas");
      await until(
        () => curveHeights(canvas, "#3794ff"),
        ({ length }) => length > 200,
      );
      await webview.tell({
        type: "events",
        run: "long",
        events: [{ ...manySteps(1, 1000)[0], epoch: 101, metrics: { loss: 5 }, time: 1e6 }],
      });
      await webview.frame.getByRole("slider", { name: "Smoothing" }).fill("0");
      await waitForText(legendValue(webview, "Loss", "Train"), "5");
    },
    { runs: [summary("long", "running")], events: manySteps(100_000, 1000) },
  ));

test("the page runs no script but its own", async () => {
  const webview = await harness.open("panel");
  await webview.tell({ type: "runs", runs: [] });
  await webview.frame.getByRole("heading", { name: "No run yet" }).waitFor();
  await webview.frame.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.intruded = true";
    document.body.append(script);
    const image = document.createElement("img");
    image.src = "https://example.invalid/x.png";
    document.body.append(image);
  });
  for (const directive of ["script-src", "img-src"])
    await until(
      async () => webview.complaints,
      (complaints) => complaints.some((complaint) => complaint.includes(directive)),
    );
  assert.equal(await webview.frame.evaluate(() => "intruded" in window), false);
  await webview.close();
});
