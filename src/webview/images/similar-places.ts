import { at } from "../../facts/checked-lists.ts";
import { errorMessage } from "../../facts/errors.ts";
import { shortNumber } from "../../facts/format.ts";
import type { ImageSummary, SimilarCrop, Similarity } from "../../protocol/panel-messages.ts";
import { NO_MENU } from "../context-menu.ts";
import { element, setText, show } from "../dom.ts";
import { USUAL_CONTRAST } from "./contrast.ts";
import { drawFitted } from "./draw.ts";
import type { ImageClient } from "./image-client.ts";
import { compositeLut, DIVERGING, isRgb, LUTS } from "./luts.ts";
import { aspectOf, type OpenedImage, type RowImage } from "./opened-image.ts";
import { PlaneImage } from "./plane-image.ts";
import type { TileContent } from "./tile-content.ts";

/** Side of a crop, in CSS pixels. */
const SIDE = 56;
/** Maximum number of pixels of a similarity map. */
const MOST_PIXELS = 2 ** 24;

/** The pixel `[z, y, x]` with whose features all others are compared. */
type Picked = readonly [z: number, y: number, x: number];

/** Places with features similar to those of a picked one: a map over its image, and a strip of crops from the whole folder. */
export class SimilarPlaces {
  /** The strip; hidden until a place is picked. */
  readonly element: HTMLElement;
  private readonly crops = element("div", { class: "crops", role: "list", ...NO_MENU });
  private readonly message = element("span", { class: "hint", role: "status" });
  /** The feature picture that was clicked. */
  private picture: string | undefined;
  private picked: Picked | undefined;
  private found: Similarity | undefined;
  /** Tracks the latest request, so that stale responses are dropped. */
  private request = 0;

  /**
   * @param changed is called when the map changed
   * @param open opens the image of a crop at its slice
   */
  constructor(
    private readonly client: ImageClient,
    private readonly changed: () => void,
    private readonly open: (image: RowImage, z: number) => void,
  ) {
    const clear = element("button", { class: "link", type: "button" }, "Clear");
    clear.addEventListener("click", () => this.reset());
    this.element = element(
      "section",
      { class: "similar", "aria-label": "Most similar places" },
      element("header", { class: "similar-header" }, this.message, clear),
      this.crops,
    );
    show(this.element, false);
  }

  /** Compares a place of an image with all places of the folder that its features lie in. */
  async pick(picture: string, picked: Picked): Promise<void> {
    const request = ++this.request;
    [this.picture, this.picked] = [picture, picked];
    show(this.element, true);
    setText(this.message, "Comparing places…");
    try {
      const found = await this.client.similar(picture, picked);
      if (request === this.request) this.show(found, picked);
    } catch (error) {
      if (request === this.request) this.fail(errorMessage(error));
    }
  }

  /** Compares again: the features are those of a later epoch. */
  refresh(): void {
    if (this.picture !== undefined && this.picked !== undefined) void this.pick(this.picture, this.picked);
  }

  /** Forgets the picked place. */
  reset(): void {
    if (this.picked === undefined) return;
    this.request++;
    [this.picture, this.picked, this.found] = [undefined, undefined, undefined];
    show(this.element, false);
    this.crops.replaceChildren();
    this.changed();
  }

  /** Returns a tile's content for the map over slice `z`; undefined while no place of this image is picked. */
  content({ image, summary }: OpenedImage, z: number): TileContent | undefined {
    const { found, picked } = this;
    if (found === undefined || picked === undefined || summary === undefined || image.path !== this.picture)
      return undefined;
    const [, height, width] = summary.shape;
    const { pixelSize } = summary;
    const plane = mapPlane(found, summary, z);
    const legend = "red: alike, white: unrelated, blue: opposite";
    return {
      height,
      width,
      aspect: aspectOf(pixelSize),
      layers: [{ plane, range: { low: -1, high: 1 }, lut: DIVERGING }],
      ...(Math.floor(z / found.stride[0]) === Math.floor(picked[0] / found.stride[0])
        ? { cross: { x: picked[2], y: picked[1] } }
        : {}),
      description: `Similarity to the place at y ${picked[1]}, x ${picked[2]}; ${legend}`,
      note: legend,
      valueAt: ({ x, y }) =>
        `cosine ${shortNumber(Number((plane.at(y, x) ?? 0).toFixed(3)))}  (y ${y}, x ${x})`,
    };
  }

  private show(found: Similarity, [z, y, x]: Picked): void {
    this.found = found;
    const slice = found.grid[0] > 1 ? `z ${z}, ` : "";
    setText(this.message, `Most similar to the place at ${slice}y ${y}, x ${x}:`);
    const volume = found.grid[0] > 1;
    this.crops.replaceChildren(
      ...found.places.map((place) =>
        crop(place, volume, () => this.open({ title: place.image, path: place.path }, place.at[0])),
      ),
    );
    this.changed();
  }

  private fail(message: string): void {
    this.found = undefined;
    setText(this.message, message);
    this.crops.replaceChildren();
    this.changed();
  }
}

/** The similarity of each pixel of a slice, as that of its place. */
function mapPlane({ grid, stride, values }: Similarity, { shape }: ImageSummary, z: number): PlaneImage {
  const [, height, width] = shape;
  const [depth, rows, columns] = grid;
  const step = Math.max(1, Math.ceil(Math.sqrt((height * width) / MOST_PIXELS)));
  const [down, across] = [Math.ceil(height / step), Math.ceil(width / step)];
  const similarities = new Float32Array(values);
  const slice = Math.min(depth - 1, Math.floor(z / stride[0]));
  const map = new Float32Array(down * across);
  for (let y = 0; y < down; y++) {
    const row = (slice * rows + Math.min(rows - 1, Math.floor((y * step) / stride[1]))) * columns;
    for (let x = 0; x < across; x++)
      map[y * across + x] = at(similarities, row + Math.min(columns - 1, Math.floor((x * step) / stride[2])));
  }
  const plane = { height: down, width: across, sampleType: "float32", step } as const;
  return new PlaneImage({ ...plane, values: map.buffer });
}

function crop(
  { image, at: [z, y, x], similarity, planes }: SimilarCrop,
  volume: boolean,
  open: () => void,
): HTMLElement {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const place = `${image}, ${volume ? `z ${z}, ` : ""}y ${y}, x ${x}`;
  const title = `${place}: cosine similarity ${similarity.toFixed(3)}`;
  drawCrop(
    canvas,
    planes.map((plane) => new PlaneImage(plane)),
  );
  const button = element(
    "button",
    { class: "crop-open", type: "button", "aria-label": `Open ${title}` },
    canvas,
    element("span", { class: "crop-value", "aria-hidden": "true" }, similarity.toFixed(2)),
    element("span", { class: "crop-name", "aria-hidden": "true" }, image),
  );
  button.addEventListener("click", open);
  return element("div", { class: "crop", role: "listitem", title, "aria-label": title }, button);
}

function drawCrop(canvas: HTMLCanvasElement, planes: readonly PlaneImage[]): void {
  const [first] = planes;
  if (first === undefined) {
    canvas.classList.add("missing");
    return;
  }
  const layers = planes.map((plane, channel) => ({
    plane,
    range: isRgb(planes.length, first.sampleType)
      ? { low: 0, high: 255 }
      : plane.percentiles(USUAL_CONTRAST.percent),
    lut: planes.length === 1 ? LUTS.Gray : LUTS[compositeLut(channel, planes.length)],
  }));
  drawFitted(canvas, SIDE, layers, first);
}
