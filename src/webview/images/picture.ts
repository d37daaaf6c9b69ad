/** Draws the shown images into one picture, for the clipboard and for files. */
import { element } from "../dom.ts";
import { pngOf } from "../png.ts";
import { theme } from "../theme.ts";
import type { ImageTile } from "./image-tile.ts";

/** Space between images, and height of their titles, in CSS pixels. */
const GAP = 8;
const TITLE = 22;

/** Draws the images of tiles side by side as shown, with titles if there are several. Rejects if nothing is shown. */
export async function pictureOf(tiles: readonly ImageTile[]): Promise<Blob> {
  const shown = tiles.flatMap((tile) => {
    const picture = tile.picture();
    return picture === undefined ? [] : [{ picture, title: tile.titleText }];
  });
  const pixel = devicePixelRatio;
  const title = shown.length > 1 ? TITLE * pixel : 0;
  const gap = GAP * pixel;
  const width = shown.reduce((sum, { picture }) => sum + picture.width + gap, -gap);
  const height = Math.max(...shown.map(({ picture }) => picture.height)) + title;
  const canvas = element("canvas", {});
  Object.assign(canvas, { width: Math.max(1, width), height });
  const context = canvas.getContext("2d");
  if (context === null || shown.length === 0) throw new Error("No image is shown.");
  const { background, foreground } = theme();
  if (shown.length > 1) {
    context.fillStyle = background;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.fillStyle = foreground;
  context.font = `600 ${13 * pixel}px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = "middle";
  let left = 0;
  for (const { picture, title: text } of shown) {
    if (title > 0) context.fillText(text, left, title / 2, picture.width);
    context.drawImage(picture, left, title);
    left += picture.width + gap;
  }
  return pngOf(canvas);
}
