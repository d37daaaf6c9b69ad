/** The runs table's page, with a thousand runs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decode } from "fast-png";
import type { Locator } from "playwright-core";
import { type Harness, startHarness, type Webview } from "./harness.ts";
import { eventually, focusEditor, hover, textOf, until, waitForText } from "./looking.ts";
import { manyRunId, manyRuns } from "./many-runs.ts";
import { summary } from "./recorded-runs.ts";
import { THEMES, type ThemeName } from "./themes.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness.close());

async function table(use: (webview: Webview) => Promise<void>, theme: ThemeName = "dark"): Promise<void> {
  const webview = await harness.open("table", { width: 1200, height: 700, theme });
  try {
    await webview.said("ready");
    await webview.tell(manyRuns);
    await webview.frame.getByRole("columnheader", { name: "TRAIN.LR" }).waitFor();
    await use(webview);
    assert.deepEqual(webview.complaints, []);
  } finally {
    await webview.close();
  }
}

const names = async ({ frame }: Webview): Promise<string[]> =>
  frame
    .locator("tbody tr[data-run]")
    .evaluateAll((found) => found.map((row) => row.children[2].textContent ?? ""));

/** Shows the scatter plot. */
async function scatterPlot({ frame }: Webview): Promise<Locator> {
  await frame.getByRole("button", { name: "Scatter Plot" }).click();
  return frame.getByRole("region", { name: "Scatter plot" });
}

/** What a scatter plot draws, vertically and horizontally. */
const axes = (scatter: Locator): Promise<(string | null)[]> =>
  Promise.all(
    ["Vertical axis", "Horizontal axis"].map((name) =>
      scatter.getByRole("combobox", { name }).locator("option:checked").textContent(),
    ),
  );

test("the newest run comes first, and only visible rows are in the page", () =>
  table(async (webview) => {
    const shown = await names(webview);
    assert.equal(shown[0], "cells, run 999");
    assert.ok(shown.length < 60, `${shown.length} rows`);
    await waitForText(webview.frame.locator(".toolbar .hint").first(), "1000 runs");
    // Keys in which the runs are alike have no column.
    assert.equal(await webview.frame.getByRole("columnheader", { name: "DATA.PATCH_SIZE" }).count(), 0);
    await webview.frame.locator(".table-view").evaluate((view) => view.scrollTo(0, view.scrollHeight));
    await until(
      () => names(webview),
      (rows) => rows.at(-1) === "cells, run 0",
    );
  }));

test("columns stay where they are while the table scrolls", () =>
  table(async (webview) => {
    const places = () =>
      webview.frame
        .locator("thead th")
        .evaluateAll((heads) => heads.map((head) => head.getBoundingClientRect().left));
    const before = await places();
    await webview.frame.locator(".table-view").evaluate((view) => view.scrollTo(0, view.scrollHeight));
    await until(
      () => names(webview),
      (rows) => rows.at(-1) === "cells, run 0",
    );
    assert.deepEqual(await places(), before);
    // Cells stand below their headings.
    const last = webview.frame.locator("tbody tr").last().locator("td");
    const cells = await last.evaluateAll((found) => found.map((cell) => cell.getBoundingClientRect().left));
    assert.deepEqual(cells, before);
  }));

/** The pixels of a page between two corners, in CSS pixels. */
async function pixels({ page }: Webview, [left, top, right, bottom]: Corners): Promise<readonly number[]> {
  const clip = { x: left, y: top, width: right - left, height: bottom - top };
  return [...decode(await page.screenshot({ clip })).data];
}

type Corners = readonly [left: number, top: number, right: number, bottom: number];

for (const theme of Object.keys(THEMES) as ThemeName[])
  test(`names and headings stay in view and hide what scrolls below them, ${theme}`, () =>
    table(async (webview) => {
      const { frame, page } = webview;
      await page.setViewportSize({ width: 700, height: 500 });
      await frame.locator(`tr[data-run="${manyRunId(998)}"]`).click();
      await frame.locator(`tr[data-run="${manyRunId(996)}"]`).hover();
      const view = frame.locator(".table-view");
      const [left, top, bottom, headings, names] = await view.evaluate((element) => {
        const { x, y } = element.getBoundingClientRect();
        const head = element.querySelector("thead")?.getBoundingClientRect();
        const name = element.querySelector("th.name-cell")?.getBoundingClientRect();
        // The outline of a selected row begins at the left edge of the view, and scrolls.
        return [x + 3, y + 1, y + element.clientHeight, head?.bottom ?? 0, name?.right ?? 0] as const;
      });
      const scroll = (x: number, y: number) =>
        view.evaluate(
          (element, place) => {
            element.scrollTo(...place);
            return element.scrollLeft;
          },
          [x, y] as const,
        );
      const staying = await pixels(webview, [left, top, names, bottom]);
      assert.ok((await scroll(10_000, 0)) > 200);
      assert.deepEqual(await pixels(webview, [left, top, names, bottom]), staying);
      const below = await pixels(webview, [left, top, names, headings]);
      await scroll(10_000, 14);
      assert.deepEqual(await pixels(webview, [left, top, names, headings]), below);
    }, theme));

test("in a low and narrow view, several rows are seen below the controls", () =>
  table(async (webview) => {
    const { page, frame } = webview;
    await page.setViewportSize({ width: 240, height: 380 });
    const view = frame.locator(".table-view");
    await until(
      () => view.evaluate((element) => element.clientHeight),
      (height) => height > 140 && height < 200,
    );
    await view.scrollIntoViewIfNeeded();
    await frame.locator(`tr[data-run="${manyRunId(996)}"]`).click();
    assert.deepEqual(
      await frame.evaluate(
        () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      ),
      true,
    );
  }));

test("in a narrow view, names scroll with the other columns", () =>
  table(async (webview) => {
    await webview.page.setViewportSize({ width: 400, height: 500 });
    const view = webview.frame.locator(".table-view");
    await view.evaluate((element) => element.scrollTo(10_000, 0));
    const name = view.locator("th.name-cell");
    assert.ok((await name.evaluate((element) => element.getBoundingClientRect().right)) < 0);
  }));

test("a column sorts, and a filter finds words of any column", () =>
  table(async (webview) => {
    const { frame } = webview;
    await frame.getByRole("button", { name: /^Best loss/ }).click();
    await until(
      () => names(webview),
      (shown) => shown[0] === "cells, run 999",
    );
    await frame.getByRole("button", { name: /^Best loss/ }).click();
    await until(
      () => names(webview),
      (shown) => shown[0] === "cells, run 0",
    );
    await frame.getByRole("searchbox", { name: "Filter runs" }).fill("failed stopped");
    await eventually(async () => assert.equal((await names(webview)).length, 0));
    await frame.getByRole("searchbox", { name: "Filter runs" }).fill("baseline");
    await eventually(async () => assert.deepEqual(await names(webview), ["Baseline"]));
    await waitForText(frame.locator(".toolbar .hint").first(), "1 of 1000 runs");
  }));

test("runs are selected by mouse and keyboard, and compared", () =>
  table(async (webview) => {
    const { frame, page } = webview;
    const row = (index: number) => frame.locator(`tr[data-run="${manyRunId(index)}"]`);
    await row(999).click();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press(" ");
    const configurations = frame.getByRole("button", { name: "Compare Configurations" });
    await configurations.click();
    assert.deepEqual(await webview.said("compare-configurations"), [
      { type: "compare-configurations", runs: [manyRunId(999), manyRunId(998)] },
    ]);
    await row(996).click({ modifiers: ["Control"] });
    await frame.getByRole("button", { name: "Compare Images" }).click();
    assert.deepEqual(await webview.said("compare-images"), [
      { type: "compare-images", runs: [manyRunId(999), manyRunId(998), manyRunId(996)] },
    ]);
    // A comparison of configurations has two sides.
    await frame.locator("vscode-button[disabled]", { hasText: "Compare Configurations" }).waitFor();
    await row(997).dblclick();
    assert.deepEqual(await webview.said("show-run"), [{ type: "show-run", run: manyRunId(997) }]);
  }));

test("a row that is clicked stays in its place while runs are selected and reported again", () =>
  table(async (webview) => {
    const { frame, page } = webview;
    const row = frame.locator(`tr[data-run="${manyRunId(997)}"]`);
    const { x, y, width, height } = (await row.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.mouse.move(x + width / 2, y + height / 2);
    // Each half of a click is drawn before the next one.
    for (const clickCount of [1, 2]) {
      await page.mouse.down({ clickCount });
      await webview.tell(manyRuns);
      await frame.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))));
      await page.mouse.up({ clickCount });
      await frame.locator(`tr[data-run="${manyRunId(997)}"][aria-selected="true"]`).waitFor();
    }
    assert.deepEqual(await webview.said("show-run"), [{ type: "show-run", run: manyRunId(997) }]);
  }));

test("a cell that is clicked stays in its place while its value changes", () =>
  table(async (webview) => {
    const { frame, page } = webview;
    const running = manyRunId(997);
    const withLoss = (bestLoss: number) => ({
      ...manyRuns,
      rows: manyRuns.rows?.map((row) => (row.summary.id === running ? { ...row, bestLoss } : row)),
    });
    const cell = frame.locator(`tr[data-run="${running}"] td.numeric`).nth(1);
    const { x, y, width, height } = (await cell.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.mouse.move(x + width / 2, y + height / 2);
    for (const clickCount of [1, 2]) {
      await page.mouse.down({ clickCount });
      await webview.tell(withLoss(clickCount / 8));
      await waitForText(cell, String(clickCount / 8));
      await page.mouse.up({ clickCount });
      await frame.locator(`tr[data-run="${running}"][aria-selected="true"]`).waitFor();
    }
    assert.deepEqual(await webview.said("show-run"), [{ type: "show-run", run: running }]);
  }));

test("a heading keeps the focus: by keyboard, a column is sorted both ways, and all runs are selected", () =>
  table(async (webview) => {
    const { frame, page } = webview;
    const first = (name: string) =>
      until(
        () => names(webview),
        (shown) => shown[0] === name,
      );
    await frame.getByRole("button", { name: /^Best loss/ }).focus();
    await page.keyboard.press("Enter");
    await frame.getByRole("columnheader", { name: "Best loss ▴" }).waitFor();
    await first("cells, run 999");
    await page.keyboard.press("Enter");
    await first("cells, run 0");
    const remove = frame.getByRole("button", { name: "Delete…" });
    await frame.getByRole("checkbox", { name: "Select all runs" }).focus();
    await page.keyboard.press(" ");
    await eventually(async () => assert.equal(await remove.isDisabled(), false));
    await page.keyboard.press(" ");
    await eventually(async () => assert.equal(await remove.isDisabled(), true));
  }));

for (const part of ["columnheader", "row"] as const) {
  test(`a ${part} that is redrawn does not take the focus from the editor`, () =>
    table(async (webview) => {
      const { frame, page } = webview;
      if (part === "row") await frame.locator(`tr[data-run="${manyRunId(999)}"]`).click();
      else await frame.getByRole("button", { name: /^Best loss/ }).focus();
      const editor = await focusEditor(webview);
      const { rows = [], details, defaults } = manyRuns;
      const added = { ...summary("/results/new", "running"), name: "new", started: Date.UTC(2027, 1, 1) };
      const notes = { title: "", notes: "", starred: false };
      await webview.tell({
        type: "runs",
        rows: [{ summary: added }, ...rows],
        details: [
          ...details,
          { run: added.id, notes, device: "GPU", tests: {}, keys: { "TRAIN.EPOCHS": "9" } },
        ],
        defaults: { ...defaults, "TRAIN.EPOCHS": "360" },
      });
      await frame.locator(`tr[data-run="${added.id}"]`).waitFor();
      await frame.getByRole("columnheader", { name: "TRAIN.EPOCHS" }).waitFor();
      await page.keyboard.type("x");
      assert.equal(await editor.inputValue(), "x");
    }));
}

test("the selection and the filter stay when the table is shown again", () =>
  table(async (webview) => {
    const { frame } = webview;
    await frame.getByRole("searchbox", { name: "Filter runs" }).fill("failed");
    await eventually(async () => assert.equal((await names(webview))[0], "cells, run 993"));
    await frame.locator(`tr[data-run="${manyRunId(993)}"]`).click();
    await webview.reload();
    await webview.said("ready", 2);
    await webview.tell(manyRuns);
    await eventually(async () => assert.equal((await names(webview))[0], "cells, run 993"));
    await frame.locator(`tr[data-run="${manyRunId(993)}"][aria-selected="true"]`).waitFor();
    // What is selected goes with a run that is deleted.
    await webview.tell({ ...manyRuns, rows: manyRuns.rows?.slice(0, 990) });
    await frame.locator("vscode-button[disabled]", { hasText: "Delete" }).waitFor();
  }));

test("the table is scrolled to where it was when it is shown again", () =>
  table(async (webview) => {
    const { frame } = webview;
    await frame.locator(".table-view").evaluate((view) => view.scrollTo(0, 14_000));
    const first = () => frame.locator(`tr[data-run="${manyRunId(499)}"]`);
    await first().waitFor();
    const kept = () =>
      frame.evaluate(() => JSON.parse(sessionStorage.getItem("state") ?? "{}").table?.scroll);
    await until(kept, (top) => top === 14_000);
    await webview.reload();
    await webview.said("ready", 2);
    await webview.tell(manyRuns);
    await first().waitFor();
  }));

test("a run is starred, renamed and deleted from its menu", () =>
  table(async (webview) => {
    const { frame } = webview;
    const row = frame.locator(`tr[data-run="${manyRunId(998)}"]`);
    // Screen readers hear which run, not its path.
    await row.getByRole("checkbox", { name: /^Select [^/]+, run \d+$/ }).waitFor();
    await frame.getByRole("columnheader", { name: "Starred" }).waitFor();
    await row.getByRole("button", { name: /^Star [^/]+, run \d+$/ }).click();
    assert.deepEqual(await webview.said("star"), [{ type: "star", run: manyRunId(998), starred: true }]);
    const choose = async (item: string) => {
      await row.click({ button: "right" });
      await frame.getByRole("menuitem", { name: item }).click();
    };
    await choose("Star");
    const [, again] = await webview.said("star", 2);
    assert.deepEqual(again, { type: "star", run: manyRunId(998), starred: true });
    await choose("Rename…");
    assert.deepEqual(await webview.said("edit"), [{ type: "edit", run: manyRunId(998), field: "title" }]);
    await choose("Delete…");
    assert.deepEqual(await webview.said("delete"), [{ type: "delete", runs: [manyRunId(998)] }]);
  }));

test("F2 renames the run that has the focus, and Delete deletes those that are selected", () =>
  table(async (webview) => {
    const { frame, page } = webview;
    await frame.locator(`tr[data-run="${manyRunId(999)}"]`).click();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("F2");
    assert.deepEqual(await webview.said("edit"), [{ type: "edit", run: manyRunId(998), field: "title" }]);
    await page.keyboard.press(" ");
    await page.keyboard.press("Delete");
    assert.deepEqual(await webview.said("delete"), [
      { type: "delete", runs: [manyRunId(999), manyRunId(998)] },
    ]);
  }));

test("selected runs that the filter hides are neither deleted nor compared", () =>
  table(async (webview) => {
    const { frame, page } = webview;
    const select = (run: number) => frame.locator(`tr[data-run="${manyRunId(run)}"] .select input`).click();
    const filter = frame.getByRole("searchbox", { name: "Filter runs" });
    const compare = frame.getByRole("button", { name: "Compare Curves" });
    await select(998);
    await eventually(async () => assert.equal(await compare.isDisabled(), false));
    await filter.fill("baseline");
    await eventually(async () => assert.equal(await compare.isDisabled(), true));
    await select(7);
    const all = frame.getByRole("checkbox", { name: "Select all runs" });
    await eventually(async () => assert.equal(await all.isChecked(), true));
    await page.keyboard.press("Delete");
    assert.deepEqual(await webview.said("delete"), [{ type: "delete", runs: [manyRunId(7)] }]);
    await filter.fill("");
    await frame.getByRole("button", { name: "Delete…" }).click();
    const [, both] = await webview.said("delete", 2);
    assert.deepEqual(both, { type: "delete", runs: [manyRunId(998), manyRunId(7)] });
  }));

test("columns are hidden and moved, stay so, and are what a CSV has", () =>
  table(async (webview) => {
    const { frame } = webview;
    const headings = async () => frame.locator("thead .sort").allTextContents();
    const choose = async (column: string, item: string) => {
      await frame.getByRole("columnheader", { name: column }).click({ button: "right" });
      await frame.getByRole("menuitem", { name: item }).click();
    };
    await choose("Engine", "Hide Column");
    await choose("Device", "Move Left");
    await eventually(async () => {
      const shown = await headings();
      assert.deepEqual(shown.slice(4, 6), ["Device", "Duration"]);
      assert.ok(!shown.includes("Engine"));
    });
    await frame.getByRole("searchbox", { name: "Filter runs" }).fill("baseline");
    await eventually(async () => assert.equal((await names(webview)).length, 1));
    await frame.getByRole("button", { name: "Save CSV…" }).click();
    const [{ name, content }] = await webview.said("save-file");
    assert.equal(name, "runs.csv");
    assert.equal(
      Buffer.from(content as string, "base64").toString(),
      [
        "Run,Status,Started,Device,Duration,Best loss,Test PSNR (dB),TRAIN.LR,Notes",
        'Baseline,Finished,2026-11-01T00:07:00.000Z,"CPU, 2 threads",90,0.125,20.7,0.01,',
        "",
      ].join("\n"),
    );
    await webview.reload();
    await webview.said("ready", 2);
    await webview.tell(manyRuns);
    await eventually(async () => assert.ok(!(await headings()).includes("Engine")));
  }));

for (const theme of ["high-contrast", "high-contrast-light"] as const)
  test(`the button of the scatter plot shows that it is on, ${theme}`, () =>
    table(async (webview) => {
      const plot = (pressed: boolean) => webview.frame.getByRole("button", { name: "Scatter Plot", pressed });
      const border = (button: Locator) => button.evaluate((each) => getComputedStyle(each).boxShadow);
      assert.equal(await border(plot(false)), "none");
      await scatterPlot(webview);
      assert.match(await border(plot(true)), /^rgb\(.* 2px inset$/);
    }, theme));

test("a metric is drawn against a key", () =>
  table(async (webview) => {
    const scatter = await scatterPlot(webview);
    await waitForText(scatter.locator(".hint"), "1000 runs");
    assert.deepEqual(await axes(scatter), ["Test PSNR (dB)", "TRAIN.LR"]);
    const blue = () =>
      scatter.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {
          data: [],
        };
        let count = 0;
        for (let at = 0; at < data.length; at += 4)
          if (data[at] === 0x37 && data[at + 1] === 0x94 && data[at + 2] === 0xff) count++;
        return count;
      });
    await until(blue, (pixels) => pixels > 500);
    await scatter.getByRole("combobox", { name: "Horizontal axis" }).selectOption("Status");
    await until(blue, (pixels) => pixels > 500);
    assert.equal(await textOf(scatter.locator(".hint")), "1000 runs");
  }));

test("a scatter plot is saved as CSV and as a PNG from its own menu, and names runs as the user does", () =>
  table(async (webview) => {
    const { frame } = webview;
    const scatter = await scatterPlot(webview);
    await waitForText(scatter.locator(".hint"), "1000 runs");
    await frame.getByRole("searchbox", { name: "Filter runs" }).fill("baseline");
    await waitForText(scatter.locator(".hint"), "1 run");
    await hover(scatter.locator(".u-over"), 0.5, 0.5);
    await waitForText(scatter.locator(".hint"), /^Baseline: Test PSNR/);
    // The run under the mouse stays named when what is not plotted changes.
    const details = manyRuns.details.map((each) => ({ ...each, device: "GPU" }));
    await webview.tell({ ...manyRuns, details });
    await frame.getByRole("cell", { name: "GPU" }).waitFor();
    await frame.evaluate(
      () =>
        new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(undefined)))),
    );
    assert.match(await textOf(scatter.locator(".hint")), /^Baseline: Test PSNR/);
    const choose = async (item: string) => {
      await scatter.locator(".u-over").click({ button: "right" });
      await frame.getByRole("menuitem", { name: item }).click();
    };
    await choose("Save as CSV…");
    await choose("Save as PNG…");
    const [csv, png] = await webview.said("save-file", 2);
    const bytes = (file: typeof csv) => Buffer.from(file?.content as string, "base64");
    assert.equal(csv?.name, "test-psnr-db-against-train-lr.csv");
    assert.equal(bytes(csv).toString(), "Run,Test PSNR (dB),TRAIN.LR\nBaseline,20.7,0.01\n");
    const picture = decode(bytes(png));
    // The editor's background, not none.
    assert.deepEqual([...picture.data.slice(0, 3)], [0x1f, 0x1f, 0x1f]);
  }));

test("the metric and the key that most runs have are drawn first, numbers before words", () =>
  table(async (webview) => {
    const tests = (index: number): Record<string, number> =>
      index === 0 ? { iou: 0.7 } : { mse: 0.1, ssim: 0.5 };
    const words = (index: number, built = 1000): Record<string, string> => ({
      ...(index < 10 ? { "DATA.PROBE": String.fromCharCode(97 + index) } : {}),
      ...(index < built ? { "MODEL.ARCHITECTURE": index % 2 === 0 ? "mae" : "unet" } : {}),
    });
    const withKeys = (keys: (index: number) => Record<string, string>) => ({
      ...manyRuns,
      details: manyRuns.details.map((each, index) => ({ ...each, tests: tests(index), keys: keys(index) })),
    });
    const rates = (index: number) => ({ "TRAIN.LR": index % 2 === 0 ? "0.001" : "0.01" });
    await webview.tell(withKeys((index) => ({ ...words(index), ...rates(index) })));
    await webview.frame.getByRole("columnheader", { name: "DATA.PROBE" }).waitFor();
    const scatter = await scatterPlot(webview);
    await waitForText(scatter.locator(".hint"), "999 runs");
    assert.deepEqual(await axes(scatter), ["Test SSIM", "TRAIN.LR"]);
    // A key is preferred to the duration, which all runs have.
    await webview.tell(withKeys((index) => words(index, 900)));
    await waitForText(scatter.locator(".hint"), "899 runs");
    assert.deepEqual(await axes(scatter), ["Test SSIM", "MODEL.ARCHITECTURE"]);
  }));

test("a scatter plot starts with a key in which the filtered runs differ", () =>
  table(async (webview) => {
    // Runs 3, 13, 23, … have failed.
    const details = manyRuns.details.map((each, index) => ({
      ...each,
      keys: { "DATA.PROBE": String(index % 10), "TRAIN.LR": index % 20 < 10 ? "0.001" : "0.01" },
    }));
    await webview.tell({ ...manyRuns, details });
    const scatter = await scatterPlot(webview);
    await waitForText(scatter.locator(".hint"), "1000 runs");
    assert.equal((await axes(scatter))[1], "DATA.PROBE");
    await webview.frame.getByRole("searchbox", { name: "Filter runs" }).fill("failed");
    await waitForText(scatter.locator(".hint"), "100 runs");
    assert.equal((await axes(scatter))[1], "TRAIN.LR");
  }));

test("without tests and keys the best loss is drawn against the duration", () =>
  table(async (webview) => {
    const details = manyRuns.details.map((each) => ({ ...each, tests: {}, keys: {} }));
    await webview.tell({ ...manyRuns, details });
    await webview.frame.getByRole("columnheader", { name: "TRAIN.LR" }).waitFor({ state: "detached" });
    const scatter = await scatterPlot(webview);
    await waitForText(scatter.locator(".hint"), "1000 runs");
    assert.deepEqual(await axes(scatter), ["Best loss", "Duration"]);
  }));
