/** Takes pictures of the pages in all themes, to be looked at: `node --import ./test/register.mjs test/webview/screenshots.ts FOLDER`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { condense } from "../../src/extension/panel/run-history.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { startHarness, type Webview } from "./harness.ts";
import { recordedEvents, recordedImage, summary } from "./recorded-runs.ts";
import type { ThemeName } from "./themes.ts";

const [folder = ".test-output/screenshots"] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const harness = await startHarness();

const settle = (webview: Webview) => webview.page.waitForTimeout(500);

async function picture(webview: Webview, name: string, full = true): Promise<void> {
  await settle(webview);
  if (full) {
    const height = await webview.frame.evaluate(() => document.body.scrollHeight);
    const { width } = webview.page.viewportSize() ?? { width: 1000 };
    await webview.page.setViewportSize({ width, height: Math.min(4000, Math.max(400, height)) });
    await settle(webview);
  }
  await webview.page.screenshot({ path: join(folder, `${name}.png`) });
  if (webview.complaints.length > 0) console.log(name, webview.complaints);
  await webview.close();
}

const cells = recordedEvents("cells");
const cube = recordedEvents("cube");
const running = cells.slice(
  0,
  cells.findIndex((event) => event.event === "step" && event.epoch === 24 && event.step === 5),
);
const failed: RunEvent[] = [
  ...cells.slice(0, 60),
  {
    event: "log",
    level: "warning",
    message: "2 of 12 images are smaller than the patch and were left out.",
    time: Date.now(),
  },
  {
    event: "problems",
    time: Date.now(),
    problems: [
      {
        severity: "error",
        key: "DATA.PATCH_SIZE",
        file: "/home/me/cells.biapy.yaml",
        line: 9,
        message:
          "DATA.PATCH_SIZE is (60,60,1), which the token size 8 does not divide. Take (56,56,1) or (64,64,1).",
      },
    ],
  },
  {
    event: "end",
    status: "failed",
    runDirectory: "/tmp",
    message: "The disk is full: 0 bytes are free on /data.",
    time: Date.now(),
  },
];

for (const theme of ["dark", "light", "high-contrast"] as const satisfies ThemeName[]) {
  const empty = await harness.open("panel", { theme, height: 500 });
  await empty.tell({ type: "runs", runs: [] });
  await picture(empty, `${theme}-empty`, false);

  const live = await harness.open("panel", { theme });
  const runs = [
    summary("cells", "running", { name: "cells" }),
    summary("cube", "finished", { name: "cube" }),
  ];
  await live.tell(
    { type: "runs", runs, shown: "cells" },
    { type: "history", history: condense("cells", running) },
  );
  await picture(live, `${theme}-running`);

  const done = await harness.open("panel", { theme, width: 520 });
  await done.tell(
    { type: "runs", runs: [summary("cube", "stopped", { resumable: true }), runs[0]], shown: "cube" },
    { type: "history", history: condense("cube", cube) },
  );
  await settle(done);
  await done.frame.locator("vscode-checkbox", { hasText: "Difference" }).click();
  await done.frame.locator("vscode-checkbox", { hasText: "Log scale" }).click();
  await picture(done, `${theme}-narrow-3d`);

  const broken = await harness.open("panel", { theme });
  await broken.tell(
    { type: "runs", runs: [summary("cells", "failed", { resumable: true })], shown: "cells" },
    { type: "history", history: condense("cells", failed) },
  );
  await picture(broken, `${theme}-failed`);

  const compared = await harness.open("panel", { theme });
  const slower = cells.map((event) =>
    event.event === "step"
      ? { ...event, metrics: { ...event.metrics, loss: event.metrics.loss * 1.3 } }
      : event,
  );
  await compared.tell(
    { type: "runs", runs: [...runs, summary("slower", "finished")], shown: "cells" },
    { type: "compare", runs: ["cube", "slower"] },
    { type: "history", history: condense("cells", cells) },
    { type: "history", history: condense("cube", cube) },
    { type: "history", history: condense("slower", slower) },
  );
  await compared.frame.getByRole("button", { name: "Compare" }).first().click();
  await compared.frame.getByRole("tab", { name: "Predictions" }).click();
  await picture(compared, `${theme}-compared`);

  const image = recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif");
  const viewer = await harness.open("viewer", { theme, width: 900, height: 700 });
  await viewer.tell({
    type: "show",
    images: [
      { path: image, label: "nuclei-test_original.tif", shape: [31, 61, 24, 1], sampleType: "uint16" },
    ],
  });
  await settle(viewer);
  await viewer.frame.locator(".tile-canvas").hover();
  await picture(viewer, `${theme}-viewer`, false);

  const rgb = fileURLToPath(new URL("../fixtures/images/rgb.tif", import.meta.url));
  const color = await harness.open("viewer", { theme, width: 900, height: 600 });
  await color.tell({
    type: "show",
    images: [{ path: rgb, label: "rgb.tif", shape: [1, 17, 23, 3], sampleType: "uint8" }],
  });
  await picture(color, `${theme}-viewer-rgb`, false);
}
await harness.close();
