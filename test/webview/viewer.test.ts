import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { decode, encode } from "fast-png";
import { writeNpy } from "../../src/checkpoint/npy.ts";
import { ImageStore } from "../../src/extension/viewer/image-store.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { describeFeatures } from "../../src/workflow/features/feature-folder.ts";
import { type Harness, startHarness, type Webview, type WebviewOptions } from "./harness.ts";
import {
  eventually,
  hover,
  imagesShown,
  pictureOn,
  pixelColor,
  pixelPlace,
  textOf,
  tile,
  until,
  waitForText,
} from "./looking.ts";
import { recordedImage } from "./recorded-runs.ts";

let harness: Harness;
const store = new ImageStore();
const folder = await mkdtemp(join(tmpdir(), "viewer-"));
before(async () => {
  harness = await startHarness();
});
after(async () => {
  await harness.close();
  await store.close();
  await rm(folder, { recursive: true });
});

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url));

/** What make_images.py wrote into every file. */
const written = (z: number, y: number, x: number, channel = 0): number =>
  1 + x + 7 * y + 31 * z + 13 * channel;

async function viewer(
  paths: readonly string[],
  use: (webview: Webview) => Promise<void>,
  options?: WebviewOptions,
): Promise<void> {
  const webview = await harness.open("viewer", { width: 900, height: 700, ...options });
  try {
    const images = await Promise.all(paths.map((path) => store.open(path)));
    await webview.tell({ type: "show", images });
    await imagesShown(webview);
    await use(webview);
    assert.deepEqual(webview.complaints, []);
  } finally {
    await webview.close();
  }
}

/** Points at the middle of a pixel of an image that is shown whole. */
async function pointAt(
  webview: Webview,
  size: { readonly height: number; readonly width: number },
  y: number,
  x: number,
): Promise<string> {
  const canvas = webview.frame.locator(".tile-canvas").first();
  const place = await pixelPlace(canvas, size, y, x);
  await hover(canvas, place.x, place.y);
  const value = webview.frame.locator(".tile-value").first();
  await waitForText(value, new RegExp(`y ${y}, x ${x}`));
  return textOf(value);
}

const size = { height: 17, width: 23 };

for (const name of ["pages.tif", "bigtiff.tif", "imagej_float.tif"]) {
  test(`slices of ${name}, and the values of its pixels`, () =>
    viewer([fixture(name)], async (webview) => {
      assert.equal(await pointAt(webview, size, 3, 5), `${written(0, 3, 5)}  (y 3, x 5)`);
      assert.equal(await pointAt(webview, size, 16, 22), `${written(0, 16, 22)}  (y 16, x 22)`);
      await webview.frame.getByRole("slider", { name: "Slice (z)" }).fill("3");
      const value = webview.frame.locator(".tile-value").first();
      await waitForText(value, `${written(2, 16, 22)}  (y 16, x 22)`);
    }));
}

test("channels together, each with its colors and contrast, and one by one", () =>
  viewer([fixture("imagej_zc.tif")], async (webview) => {
    const { frame, page } = webview;
    const value = frame.locator(".tile-value");
    const canvas = frame.locator(".tile-canvas");
    const color = () => pixelColor(canvas, 0.5, 0.5);
    const both = `${written(0, 3, 5)}, ${written(0, 3, 5, 1)}  (y 3, x 5)`;
    assert.equal(await pointAt(webview, size, 3, 5), both);
    // The first channel is green and the second magenta.
    await frame.getByRole("combobox", { name: "Channel 1: colors" }).selectOption("Red");
    await frame.getByRole("combobox", { name: "Channel 2: colors" }).selectOption("Blue");
    await until(color, ([red, green, blue]) => red > 20 && green === 0 && blue > 20);
    await frame.getByRole("textbox", { name: "Channel 2: brightest value" }).fill("30000");
    await page.keyboard.press("Enter");
    await until(color, ([red, green, blue]) => red > 20 && green === 0 && blue === 0);
    await frame.locator("vscode-checkbox", { hasText: "Channel 2" }).click();
    await pointAt(webview, size, 3, 5);
    await waitForText(value, `${written(0, 3, 5)}  (y 3, x 5)`);
    await canvas.focus();
    await page.keyboard.press(".");
    await pointAt(webview, size, 3, 5);
    await waitForText(value, `${written(0, 3, 5, 1)}  (y 3, x 5)`);
    await page.keyboard.press("a");
    await waitForText(value, both);
  }));

test("one channel is gray, or in the colors of a table", () =>
  viewer([fixture("pages.tif")], async ({ frame }) => {
    const color = () => pixelColor(frame.locator(".tile-canvas"), 0.5, 0.5);
    await until(color, ([red, green, blue]) => red === green && green === blue && red > 0 && red < 255);
    const colors = frame.getByRole("combobox", { name: "Colors" });
    await colors.selectOption("Viridis");
    // The middle of viridis is teal (33, 145, 140).
    await until(color, ([red, green, blue]) => red < 60 && green > 120 && blue > 110 && green < 170);
    await colors.selectOption("Fire");
    await until(color, ([red, green, blue]) => red > 150 && green < 120 && blue < 130);
  }));

test("the maximum over all slices", () =>
  viewer([fixture("pages.tif")], async (webview) => {
    const { frame, page } = webview;
    await frame.locator(".tile-canvas").focus();
    await page.keyboard.press("m");
    const { shape } = await store.open(fixture("pages.tif"));
    await pointAt(webview, size, 3, 5);
    await waitForText(frame.locator(".tile-value"), `${written(shape[0] - 1, 3, 5)}  (y 3, x 5)`);
    assert.match(
      (await frame.locator(".tile-canvas").getAttribute("aria-label")) ?? "",
      /maximum of \d+ slices/,
    );
  }));

test("sections along z go through the pixel that is clicked", () =>
  viewer([fixture("pages.tif")], async (webview) => {
    const { frame } = webview;
    await frame.locator("vscode-checkbox", { hasText: "Orthogonal" }).click();
    const [xz, yz] = ["xz", "yz"].map((title) => tile(frame, title).locator(".tile-value"));
    await waitForText(xz, "y 8");
    await pointAt(webview, size, 3, 5);
    await webview.page.mouse.down();
    await webview.page.mouse.up();
    await waitForText(xz, "y 3");
    await waitForText(yz, "x 5");
    await imagesShown(webview);
    await hover(tile(frame, "xz").locator("canvas"), 0.5, 0.5);
    await waitForText(xz, /^\d+ {2}\(z \d, y 3, x \d+\)$/);
    const [value, z, y, x] = (await textOf(xz)).match(/\d+/g)?.map(Number) ?? [];
    assert.equal(value, written(z, y, x));
  }));

test("sections along z have the scale of the slice", () =>
  viewer([recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif")], async (webview) => {
    const { frame } = webview;
    await frame.locator("vscode-checkbox", { hasText: "Orthogonal" }).click();
    await imagesShown(webview);
    const [slice, , xz] = await frame
      .locator(".orthogonal canvas")
      .evaluateAll((canvases) => canvases.map((canvas) => canvas.clientHeight));
    // 61 rows, and 31 slices.
    assert.ok(Math.abs((slice * 31) / (xz * 61) - 1) < 0.02, `${slice} and ${xz}`);
  }));

test("in a low and narrow editor the image stays large enough to be seen, below its controls", () =>
  viewer(
    [fixture("pages.tif")],
    async ({ frame }) => {
      const placeOf = async (selector: string) => {
        const place = await frame.locator(selector).first().boundingBox();
        assert.ok(place !== null, selector);
        return place;
      };
      const [canvas, title, controls] = [
        await placeOf(".tile-canvas"),
        await placeOf(".tile-title"),
        await placeOf(".channels"),
      ];
      assert.ok(canvas.height >= 100, `${canvas.height} pixels high`);
      assert.ok(title.y >= controls.y + controls.height, "The image's title lies over the controls.");
    },
    { width: 240, height: 300 },
  ));

test("two images in one, left and right of a divider", () =>
  viewer([fixture("pages.tif"), fixture("imagej_float.tif")], async (webview) => {
    const { frame, page } = webview;
    await frame.locator("vscode-checkbox", { hasText: "Swipe" }).click();
    await waitForText(frame.locator(".tile-title"), "imagej_float.tif | pages.tif");
    const canvas = frame.locator(".tile-canvas");
    await frame.getByRole("slider", { name: "Divider" }).fill("0.25");
    await imagesShown(webview);
    const box = await canvas.boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 3 });
    await page.mouse.up();
    await until(
      () => frame.getByRole("slider", { name: "Divider" }).inputValue(),
      (value) => Math.abs(Number(value) - 0.6) < 0.02,
    );
  }));

test("errors of a segmentation are shown over its image in two colors", async () => {
  // Left half found, upper half right: a quarter each is found rightly, wrongly, missed and empty.
  const mask = (inside: (y: number, x: number) => boolean, value = 1) => {
    const data = Uint8Array.from({ length: 400 }, (_, at) =>
      inside(Math.floor(at / 20), at % 20) ? value : 0,
    );
    return { shape: [1, 20, 20, 1] as const, sampleType: "uint8" as const, data };
  };
  const files = {
    Original: (y: number, x: number) => y === 0 && x === 0,
    Prediction: (_: number, x: number) => x < 10,
    "Ground truth": (y: number) => y < 10,
  };
  const images = [];
  for (const [title, inside] of Object.entries(files)) {
    const path = join(folder, `${title}.tif`);
    await writeTiff(path, mask(inside, title === "Original" ? 255 : 1));
    images.push({ ...(await store.open(path)), title, labels: title !== "Original" });
  }
  const webview = await harness.open("viewer", { width: 1000, height: 500 });
  await webview.tell({ type: "show", images });
  await imagesShown(webview);
  const { frame } = webview;
  const canvas = tile(frame, "Errors").locator("canvas");
  const colorAt = async (y: number, x: number) => {
    const place = await pixelPlace(canvas, { height: 20, width: 20 }, y, x);
    return pixelColor(canvas, place.x, place.y);
  };
  await eventually(async () => assert.deepEqual(await colorAt(15, 5), [230, 100, 0]));
  assert.deepEqual(await colorAt(5, 15), [0, 110, 255]);
  for (const right of [5, 15]) assert.deepEqual(await colorAt(right, right), [0, 0, 0]);
  // Class 1 is white beside an image of values up to 255, with which it shares no contrast.
  const classes = frame.locator(".tile-canvas").nth(1);
  await eventually(async () => assert.deepEqual(await pixelColor(classes, 0.4, 0.5), [255, 255, 255]));
  assert.deepEqual(webview.complaints, []);
  await webview.close();
});

test("a file's pixel size gives a scale bar, and places in micrometers", async () => {
  const path = join(folder, "scaled.ome.zarr");
  await cp(fixture("ome.zarr"), path, { recursive: true });
  const space = (name: string) => ({ name, type: "space", unit: "micrometer" });
  const axes = [{ name: "c", type: "channel" }, space("z"), space("y"), space("x")];
  const scale = [{ type: "scale", scale: [1, 2, 0.5, 0.5] }];
  const multiscales = [{ version: "0.4", axes, datasets: [{ path: "0", coordinateTransformations: scale }] }];
  await writeFile(join(path, ".zattrs"), JSON.stringify({ multiscales }));
  await viewer([path], async (webview) => {
    const { frame } = webview;
    const { shape } = await store.open(path);
    await pointAt(webview, { height: shape[1], width: shape[2] }, 2, 3);
    await waitForText(frame.locator(".tile-value"), /\(y 2, x 3; y 1\.25 µm, x 1\.75 µm\)$/);
    await waitForText(frame.locator(".image-facts"), /pixels of 0\.5 µm × 0\.5 µm × 2 µm/);
    await webview.page.mouse.move(0, 0);
    const picture = () => pictureOn(frame.locator(".tile-canvas"));
    const withBar = await picture();
    await frame.locator("vscode-checkbox", { hasText: "Scale bar" }).click();
    await until(picture, (now) => now !== withBar);
    await frame.locator("vscode-checkbox", { hasText: "Scale bar" }).click();
    await until(picture, (now) => now === withBar);
  });
});

test("a PNG opens", async () => {
  const path = join(folder, "picture.png");
  const data = Uint8Array.from({ length: 17 * 23 }, (_, at) => at % 200);
  await writeFile(path, encode({ width: 23, height: 17, data, channels: 1, depth: 8 }));
  await viewer([path], async (webview) => {
    assert.equal(await pointAt(webview, size, 3, 5), "74  (y 3, x 5)");
  });
});

test("keys are listed by ?, and act on the images", () =>
  viewer([fixture("pages.tif")], async ({ frame, page }) => {
    await frame.locator("body").click({ position: { x: 2, y: 2 } });
    await page.keyboard.press("?");
    const keys = frame.getByRole("dialog", { name: "Keys for images" });
    await keys.waitFor();
    assert.match(await textOf(keys), /Maximum over all slices/);
    // The viewer needs no Ctrl to zoom.
    assert.match(await textOf(keys), /WheelZoom at the mouse/);
    await page.keyboard.press("Escape");
    await keys.waitFor({ state: "hidden" });
    await page.keyboard.press("End");
    await waitForText(frame.locator(".stepper-text"), /^(\d+) \/ \1$/);
    await page.keyboard.press("l");
    assert.equal(await frame.getByRole("combobox", { name: "Colors" }).inputValue(), "Gray inverted");
  }));

test("the picture is saved as a PNG as it is shown", () =>
  viewer([fixture("pages.tif")], async (webview) => {
    const { frame } = webview;
    await frame.getByRole("combobox", { name: "Colors" }).selectOption("Green");
    await imagesShown(webview);
    await frame.locator(".tile-canvas").click({ button: "right" });
    await frame.getByRole("menuitem", { name: "Save Picture as PNG…" }).click();
    const [{ name, content }] = await webview.said("save-file");
    assert.equal(name, "pages.png");
    const { width, height, channels, data } = decode(Buffer.from(content as string, "base64"));
    // The visible part only: as wide to its height as the image.
    assert.ok(Math.abs(width / height - 23 / 17) < 0.02, `${width} x ${height}`);
    const middle = ((height >> 1) * width + (width >> 1)) * channels;
    assert.deepEqual([data[middle], data[middle + 2]], [0, 0]);
    assert.ok(data[middle + 1] > 50 && data[middle + 1] < 220);
  }));

test("a view that was opened at a slice shows it", async () => {
  const webview = await harness.open("viewer", { width: 900, height: 700 });
  const image = await store.open(fixture("pages.tif"));
  await webview.tell({ type: "show", images: [{ ...image, title: "Original" }], start: { z: 2 } });
  await imagesShown(webview);
  await waitForText(webview.frame.locator(".stepper-text"), /^3 \/ /);
  await waitForText(webview.frame.locator(".tile-title"), "Original");
  await webview.close();
});

test("an RGB image is shown in its own colors", () =>
  viewer([fixture("rgb.tif")], async (webview) => {
    const canvas = webview.frame.locator(".tile-canvas");
    const color = await pixelColor(canvas, 0.5, 0.5);
    // The middle of 17 rows and 23 columns.
    const values = [0, 1, 2].map((channel) => written(0, 8, 11, channel));
    for (const [at, value] of values.entries())
      assert.ok(Math.abs(color[at] - value) <= 1, `${color} ${values}`);
  }));

for (const [name, z] of [
  ["v2-zyx.zarr", 1],
  ["zyxc.h5", 2],
] as const) {
  test(`slices of ${name}`, () =>
    viewer([fixture(name)], async (webview) => {
      const { shape } = await store.open(fixture(name));
      await webview.frame.getByRole("slider", { name: "Slice (z)" }).fill(String(z + 1));
      // What make_containers.py wrote.
      const channels = Array.from({ length: shape[3] }, (_, channel) => 1000 * z + 230 + channel);
      const value = webview.frame.locator(".tile-value").first();
      await pointAt(webview, { height: shape[1], width: shape[2] }, 2, 3);
      await waitForText(value, `${channels.join(", ")}  (y 2, x 3)`);
    }));
}

test("two images side by side, seen at the same place", () =>
  viewer([fixture("pages.tif"), fixture("imagej_float.tif")], async (webview) => {
    const { frame } = webview;
    await pointAt(webview, size, 8, 11);
    await waitForText(frame.locator(".tile-value").nth(1), `${written(0, 8, 11)}  (y 8, x 11)`);
    const zoom = async () => Number.parseFloat(await textOf(frame.locator(".zoom-text")));
    const fitted = await zoom();
    await webview.page.mouse.wheel(0, -300);
    await until(zoom, (percent) => Math.abs(percent / fitted - Math.E) < 0.05);
    await frame.locator("vscode-checkbox", { hasText: "Difference" }).click();
    await hover(frame.locator(".tile-canvas").nth(2), 0.5, 0.5);
    await waitForText(frame.locator(".tile-value").nth(2), /^0 {2}\(y \d+, x \d+\)$/);
  }));

test("the reason why a file cannot be shown takes the place of the images", () =>
  viewer([fixture("pages.tif")], async (webview) => {
    const message = "broken.tif: is no TIFF that can be read.";
    await webview.tell({ type: "show-failed", message });
    await waitForText(webview.frame.getByRole("alert").filter({ visible: true }), message);
    await webview.frame.locator(".image-row").waitFor({ state: "hidden" });
  }));

test("a file that is replaced is shown as it is now", async () => {
  const path = join(folder, "image.tif");
  const image = (value: number) => ({
    shape: [1, 17, 23, 1] as const,
    sampleType: "uint16" as const,
    data: new Uint16Array(17 * 23).fill(value),
  });
  await writeTiff(path, image(1000));
  await viewer([path], async (webview) => {
    assert.equal(await pointAt(webview, size, 3, 5), "1000  (y 3, x 5)");
    await writeTiff(path, image(77));
    await webview.tell({ type: "show", images: [await store.open(path)] });
    await waitForText(webview.frame.locator(".tile-value"), "77  (y 3, x 5)");
  });
});

test("automatic contrast saturates no slice, and is the same for all that were seen", async () => {
  const path = join(folder, "stack.tif");
  // Brighter from left to right; the second slice goes ten times as far.
  const [height, width] = [100, 200];
  const data = Uint16Array.from({ length: 2 * height * width }, (_, at) => {
    const x = at % width;
    return at < height * width ? x : 10 * x;
  });
  await writeTiff(path, { shape: [2, height, width, 1], sampleType: "uint16", data });
  await viewer([path], async ({ frame }) => {
    const slice = frame.getByRole("slider", { name: "Slice (z)" });
    const contrast = frame.getByRole("combobox", { name: "Contrast" });
    const middleIs = (brightness: number) =>
      until(
        () => pixelColor(frame.locator(".tile-canvas"), 0.5, 0.5),
        ([red]) => Math.abs(red - brightness) < 6,
      );
    await middleIs(128);
    await slice.fill("2");
    await middleIs(128);
    await slice.fill("1");
    await middleIs(13);
    await contrast.selectOption("Whole range");
    await middleIs(128);
    await slice.fill("2");
    await middleIs(128);
    await contrast.selectOption("Auto, each slice");
    await slice.fill("1");
    await middleIs(128);
  });
});

test("large whole numbers are read to their last digit", async () => {
  const path = join(folder, "labels.tif");
  const data = new Uint32Array(17 * 23).fill(4_123_456_789);
  await writeTiff(path, { shape: [1, 17, 23, 1], sampleType: "uint32", data });
  await viewer([path], async (webview) => {
    assert.equal(await pointAt(webview, size, 3, 5), "4123456789  (y 3, x 5)");
  });
});

test("a slider that is dragged far reads the slices where it rests, and few between", () => {
  const image = recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif");
  let rest = () => {};
  /** Resolves when the slider has been dragged: reading takes longer than that. */
  let rested = Promise.resolve();
  return viewer(
    [image],
    async (webview) => {
      const reads: string[] = [];
      webview.page.on("request", (request) => {
        const body = request.postData();
        if (body?.includes("read-plane")) reads.push(body);
      });
      await hover(webview.frame.locator(".tile-canvas"), 0.5, 0.5);
      rested = new Promise((resolve) => {
        rest = resolve;
      });
      const slider = webview.frame.getByRole("slider", { name: "Slice (z)" });
      for (let z = 2; z <= 31; z++) await slider.fill(String(z));
      rest();
      await waitForText(webview.frame.locator(".tile-value"), "195  (y 30, x 12)");
      assert.ok(reads.length < 20, `${reads.length} reads`);
    },
    { beforeImage: () => rested },
  );
});

test("a slice is named by what is shown of it, though another one is already chosen", () => {
  const image = recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif");
  const held = new Map<number, () => void>();
  return viewer(
    [image],
    async ({ frame }) => {
      const slider = frame.getByRole("slider", { name: "Slice (z)" });
      await slider.fill("10");
      await slider.fill("20");
      await waitForText(frame.locator(".stepper-text"), "20 / 31");
      await until(
        async () => held.has(9),
        (asked) => asked,
      );
      held.get(9)?.();
      await frame.getByRole("img", { name: /slice 10 of 31/ }).waitFor();
      await until(
        async () => held.has(19),
        (asked) => asked,
      );
      held.get(19)?.();
      await frame.getByRole("img", { name: /slice 20 of 31/ }).waitFor();
    },
    {
      // The two slices are answered when the test says so.
      beforeImage: async (asked) => {
        if (asked.type !== "read-plane" || asked.view.kind !== "slice") return;
        const { z } = asked.view;
        if (z === 9 || z === 19) await new Promise<void>((answered) => held.set(z, answered));
      },
    },
  );
});

test("orthogonal views take the place of the slice when all of them are there", () => {
  const image = recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif");
  const held = new Map<string, () => void>();
  return viewer(
    [image],
    async ({ frame }) => {
      await frame.getByRole("slider", { name: "Slice (z)" }).fill("10");
      await frame.locator("vscode-checkbox", { hasText: "Orthogonal" }).click();
      const release = async (kind: string) => {
        await until(
          async () => held.has(kind),
          (asked) => asked,
        );
        held.get(kind)?.();
      };
      await release("slice");
      await frame.getByRole("img", { name: /slice 10 of 31/ }).waitFor();
      assert.equal(await frame.locator(".tile-canvas").count(), 1);
      await release("xz");
      await until(
        () => frame.locator(".tile-canvas").count(),
        (count) => count === 3,
      );
    },
    {
      beforeImage: async (asked) => {
        if (asked.type !== "read-plane") return;
        const { view } = asked;
        if (view.kind === "xz" || (view.kind === "slice" && view.z === 9))
          await new Promise<void>((answered) => held.set(view.kind, answered));
      },
    },
  );
});

test("a viewer that is shown again shows the part that was looked at", () =>
  viewer([fixture("pages.tif")], async (webview) => {
    const { frame, page } = webview;
    const place = async () => {
      await hover(frame.locator(".tile-canvas"), 0.6, 0.65);
      await frame.locator(".tile-value", { hasText: /y \d+, x \d+/ }).waitFor();
      return textOf(frame.locator(".tile-value"));
    };
    const whole = await place();
    await hover(frame.locator(".tile-canvas"), 0.5, 0.5);
    await page.mouse.wheel(0, -300);
    await until(place, (now) => now !== whole);
    const [zoom, part] = [await textOf(frame.locator(".zoom-text")), await place()];
    const kept = () => frame.evaluate(() => JSON.parse(sessionStorage.getItem("state") ?? "{}").row?.view);
    await until(kept, (view) => view?.zoom > 2);
    await webview.reload();
    await webview.said("ready", 2);
    await webview.tell({ type: "show", images: [await store.open(fixture("pages.tif"))] });
    await imagesShown(webview);
    await waitForText(frame.locator(".zoom-text"), zoom);
    assert.equal(await place(), part);
    // Another image is shown whole.
    await webview.tell({ type: "show", images: [await store.open(fixture("imagej_float.tif"))] });
    await frame.getByRole("img", { name: /^imagej_float/ }).waitFor();
    await until(place, (now) => now.replace(/^.*\(/, "") === whole.replace(/^.*\(/, ""));
  }));

test("a plane that is too large to hand over is thinned out, and its values are the file's", async () => {
  const path = join(folder, "large.tif");
  const [height, width] = [9000, 9002];
  const data = new Uint8Array(height * width);
  data.fill(7);
  data[8000 * width + 9000] = 201;
  await writeTiff(path, { shape: [1, height, width, 1], sampleType: "uint8", data });
  const plane = await store.plane(path, { kind: "slice", z: 0 }, 0);
  assert.deepEqual([plane.step, plane.height, plane.width], [2, 4500, 4501]);
  const values = new Uint8Array(plane.values);
  assert.equal(values[4000 * 4501 + 4500], 201);
  assert.equal(
    values.reduce((sum, value) => sum + Number(value !== 7), 0),
    1,
  );
});

test("keys move the cursor, the view and the slice", () =>
  viewer([fixture("pages.tif")], async (webview) => {
    const { frame, page } = webview;
    await frame.locator(".tile-canvas").focus();
    await page.keyboard.press("ArrowRight");
    await waitForText(frame.locator(".tile-value"), `${written(0, 8, 12)}  (y 8, x 12)`);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("PageDown");
    await waitForText(frame.locator(".tile-value"), `${written(1, 7, 12)}  (y 7, x 12)`);
    // Said when the cursor rests.
    await waitForText(frame.locator(".image-row .spoken"), new RegExp(`pages.tif ${written(1, 7, 12)}`));
    await page.keyboard.press("1");
    await waitForText(frame.locator(".zoom-text"), "100 %");
    await page.keyboard.press("+");
    await waitForText(frame.locator(".zoom-text"), "150 %");
  }));

test("keys act before an image has the focus", () =>
  viewer([fixture("pages.tif")], async ({ frame, page }) => {
    await frame.locator("body").evaluate(() => window.focus());
    await page.keyboard.press("PageDown");
    await frame.getByRole("img", { name: /slice 2 of/ }).waitFor();
    await page.keyboard.press("1");
    await waitForText(frame.locator(".zoom-text"), "100 %");
    await page.keyboard.press("ArrowRight");
    await waitForText(frame.locator(".tile-value"), `${written(1, 8, 12)}  (y 8, x 12)`);
  }));

/** Two images of 32 x 32 pixels with a nucleus each, and features of 2 x 2 places that know it. Returns pictures and originals. */
async function features(): Promise<{ readonly picture: string; readonly original: string }[]> {
  const images = [];
  for (const [name, nucleus] of [
    ["first", 0],
    ["second", 3],
  ] as const) {
    const [picture, original] = [join(folder, `${name}_features.tif`), join(folder, `${name}.tif`)];
    const place = (pixel: number) => 2 * Number(pixel >= 512) + Number(pixel % 32 >= 16);
    const data = Uint8Array.from({ length: 1024 }, (_, pixel) => (place(pixel) === nucleus ? 200 : 10));
    await writeTiff(original, { shape: [1, 32, 32, 1], sampleType: "uint8", data });
    await writeTiff(picture, { shape: [1, 32, 32, 1], sampleType: "uint8", data });
    const values = Float32Array.from({ length: 8 }, (_, at) =>
      Number(Number(at >> 1 === nucleus) === at % 2),
    );
    await writeNpy(join(folder, `${name}_features.npy`), { shape: [1, 2, 2, 2], data: values });
    images.push({ picture, original });
  }
  const listed = images.map(({ picture, original }) => ({ picture: basename(picture), original }));
  const basis = { mean: [0.5, 0.5], components: [], ranges: [] };
  await describeFeatures(folder, basis, { stride: [1, 16, 16], images: listed });
  return images;
}

test("a click on features shows what looks alike, over the image and in the other images", async () => {
  const [first, second] = await features();
  await viewer([first.original, first.picture], async (webview) => {
    const { frame, page } = webview;
    assert.equal(await frame.getByRole("region", { name: "Most similar places" }).isVisible(), false);
    await waitForText(frame.locator(".tile-value").nth(1), /Click a place to find similar ones/);
    const canvas = frame.locator(".tile-canvas").nth(1);
    const place = await pixelPlace(canvas, { height: 32, width: 32 }, 6, 6);
    await hover(canvas, place.x, place.y);
    await page.mouse.down();
    await page.mouse.up();
    await frame.getByRole("listitem").first().waitFor();
    const crops = await frame
      .getByRole("listitem")
      .evaluateAll((all) => all.map((each) => each.getAttribute("title") ?? ""));
    assert.match(crops[0], /^second\.tif, y 24, x 24: cosine similarity 1\.000$/);
    const titles = await frame.locator(".tile-title").allTextContents();
    assert.deepEqual(titles.slice(-1), ["Similarity"]);
    const map = frame.locator(".tile-canvas").last();
    await eventually(async () => {
      const [alike, other] = [await pixelColor(map, 0.35, 0.35), await pixelColor(map, 0.6, 0.6)];
      assert.ok(alike[0] > alike[2] && other[2] > other[0], `${alike} and ${other}`);
    });
    await frame.getByRole("button", { name: /^Open second\.tif, y 24, x 24/ }).click();
    assert.deepEqual(await webview.said("open-images"), [
      { type: "open-images", images: [{ title: "second.tif", path: second.original }], start: { z: 0 } },
    ]);
    await frame.getByRole("button", { name: "Clear" }).click();
    assert.equal(await frame.getByRole("listitem").count(), 0);
  });
});
