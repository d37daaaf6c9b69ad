/** The runs table's page, with a thousand runs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Harness, startHarness, type Webview } from "./harness.ts";
import { eventually, textOf, until, waitForText } from "./looking.ts";
import { manyRunId, manyRuns } from "./many-runs.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness.close());

async function table(use: (webview: Webview) => Promise<void>): Promise<void> {
  const webview = await harness.open("table", { width: 1200, height: 700 });
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

test("a run is starred, renamed and deleted from its menu", () =>
  table(async (webview) => {
    const { frame } = webview;
    const row = frame.locator(`tr[data-run="${manyRunId(998)}"]`);
    await row.getByRole("button", { name: "Star" }).click();
    assert.deepEqual(await webview.said("star"), [{ type: "star", run: manyRunId(998), starred: true }]);
    const choose = async (item: string) => {
      await row.click({ button: "right" });
      await frame.getByRole("menuitem", { name: item }).click();
    };
    await choose("Rename…");
    assert.deepEqual(await webview.said("edit"), [{ type: "edit", run: manyRunId(998), field: "title" }]);
    await choose("Delete…");
    assert.deepEqual(await webview.said("delete"), [{ type: "delete", runs: [manyRunId(998)] }]);
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

test("a metric is drawn against a key", () =>
  table(async (webview) => {
    const { frame } = webview;
    await frame.getByRole("button", { name: "Scatter Plot" }).click();
    const scatter = frame.getByRole("region", { name: "Scatter plot" });
    await waitForText(scatter.locator(".hint"), "1000 runs");
    const chosen = (axis: string) =>
      scatter.getByRole("combobox", { name: axis }).locator("option:checked").textContent();
    assert.deepEqual(
      [await chosen("Vertical axis"), await chosen("Horizontal axis")],
      ["Test PSNR (dB)", "TRAIN.LR"],
    );
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

test("what most runs have is drawn first", () =>
  table(async (webview) => {
    const { frame } = webview;
    const tests = (index: number): Record<string, number> => (index === 0 ? { iou: 0.7 } : { ssim: 0.5 });
    const details = manyRuns.details.map((each, index) => ({ ...each, tests: tests(index) }));
    await webview.tell({ ...manyRuns, details });
    await frame.getByRole("button", { name: "Scatter Plot" }).click();
    const scatter = frame.getByRole("region", { name: "Scatter plot" });
    await waitForText(scatter.locator(".hint"), "999 runs");
    const vertical = scatter.getByRole("combobox", { name: "Vertical axis" }).locator("option:checked");
    assert.equal(await vertical.textContent(), "Test SSIM");
  }));
