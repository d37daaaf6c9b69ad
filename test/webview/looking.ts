/** Looks at a page as a user does. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Frame, Locator } from "playwright-core";
import type { Webview } from "./harness.ts";

/** Moves the mouse to a place of an element, given as shares of its size. */
export async function hover(target: Locator, x: number, y: number): Promise<void> {
  await target.scrollIntoViewIfNeeded();
  const box = await target.boundingBox();
  if (box === null) throw new Error("It is not on the page.");
  await target.page().mouse.move(box.x + box.width * x, box.y + box.height * y);
}

export async function textOf(target: Locator): Promise<string> {
  return (await target.textContent()) ?? "";
}

/** Only what hangs takes longer. */
const PATIENCE = 30_000;
const POLL = 30;

/** Repeats assertions until they hold. Throws the last failure if they do not hold in time. */
export async function eventually(holds: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await setTimeout(POLL);
  }
}

/** Repeats a look until it finds what is right. Throws with the last find if it does not in time. */
export async function until<T>(look: () => Promise<T>, right: (found: T) => boolean): Promise<void> {
  await eventually(async () => {
    const found = await look();
    // Without its message `assert.ok` looks for one in the test's text, for a minute where that is one long line.
    assert.ok(right(found), `Found ${JSON.stringify(found)}.`);
  });
}

/** Waits until an element's text is, or matches, what is expected. */
export async function waitForText(target: Locator, expected: string | RegExp): Promise<void> {
  await eventually(async () => {
    const found = (await textOf(target)).trim();
    if (typeof expected === "string") assert.equal(found, expected);
    else assert.match(found, expected);
  });
}

/** Focuses a field beside the webview, as the editor beside the panel. Keys then go there. */
export async function focusEditor({ page }: Webview): Promise<Locator> {
  const editor = page.getByRole("textbox", { name: "Editor" });
  await page.evaluate(() => {
    const field = document.createElement("textarea");
    field.ariaLabel = "Editor";
    document.body.append(field);
  });
  await editor.focus();
  return editor;
}

/** Waits until the row of images has read and drawn what it shows. */
export async function imagesShown({ frame }: Webview): Promise<void> {
  await frame.locator('.tiles[aria-busy="false"]').waitFor();
  // Two frames: the page draws in the first.
  await frame.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(undefined)))),
  );
}

/** The image of a row that has a title. */
export function tile(frame: Frame, title: string): Locator {
  return frame.locator(".tile", { has: frame.locator(".tile-title", { hasText: new RegExp(`^${title}$`) }) });
}

/** The middle of a pixel on a canvas that shows a whole image, in shares of the canvas's size. */
export async function pixelPlace(
  canvas: Locator,
  { height, width }: { readonly height: number; readonly width: number },
  y: number,
  x: number,
): Promise<{ readonly x: number; readonly y: number }> {
  const box = await canvas.boundingBox();
  if (box === null) throw new Error("The canvas is not on the page.");
  const scale = Math.min(box.width / width, box.height / height);
  return {
    x: 0.5 + ((x + 0.5 - width / 2) * scale) / box.width,
    y: 0.5 + ((y + 0.5 - height / 2) * scale) / box.height,
  };
}

/** What a canvas shows, as text that changes with any pixel. */
export function pictureOn(canvas: Locator): Promise<string> {
  return canvas.evaluate((element: HTMLCanvasElement) => element.toDataURL());
}

/** The color of a canvas at a place, given as shares of its size. */
export async function pixelColor(
  canvas: Locator,
  x: number,
  y: number,
): Promise<readonly [red: number, green: number, blue: number]> {
  const [red, green, blue] = await canvas.evaluate(
    (element: HTMLCanvasElement, place) => {
      const context = element.getContext("2d");
      const [column, row] = [Math.floor(place.x * element.width), Math.floor(place.y * element.height)];
      return [...(context?.getImageData(column, row, 1, 1).data ?? [])];
    },
    { x, y },
  );
  return [red, green, blue];
}

/** The rows of a curve in a column of a chart's canvas. */
interface Rows {
  readonly top: number;
  readonly bottom: number;
}

/** For each column of a chart's canvas the rows that a curve of a color covers; nothing where it is not. */
export function curveRows(canvas: Locator, color: string): Promise<(Rows | undefined)[]> {
  return canvas.evaluate((element: HTMLCanvasElement, wanted) => {
    const context = element.getContext("2d");
    if (context === null) return [];
    const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(wanted.slice(at, at + 2), 16));
    const { data, width, height } = context.getImageData(0, 0, element.width, element.height);
    return Array.from({ length: width }, (_, x) => {
      const rows: number[] = [];
      for (let y = 0; y < height; y++) {
        const at = (y * width + x) * 4;
        const away =
          Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
        if (data[at + 3] > 200 && away < 24) rows.push(y);
      }
      return rows.length === 0 ? undefined : { top: rows[0], bottom: rows[rows.length - 1] };
    });
  }, color);
}

/** The middles of the columns where a curve of a color is. */
export async function curveHeights(canvas: Locator, color: string): Promise<number[]> {
  const columns = await curveRows(canvas, color);
  return columns.flatMap((rows) => (rows === undefined ? [] : [(rows.top + rows.bottom) / 2]));
}
