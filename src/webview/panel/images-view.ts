import type { ImageEvent, ImageFiles } from "../../facts/run-events.ts";
import { element, setText, show } from "../dom.ts";
import type { ImageClient } from "../images/image-client.ts";
import { ImageRow, type RowSettings } from "../images/image-row.ts";
import type { RowImage } from "../images/opened-image.ts";
import { button } from "../toolkit.ts";
import type { RunRecord } from "./run-record.ts";
import { Thumbnails } from "./thumbnails.ts";

type Kind = ImageEvent["kind"];

/** What the page keeps: which image was looked at, and how. */
export interface ImageSettings {
  readonly kind?: Kind;
  readonly image?: string;
  readonly row?: RowSettings;
}

const KINDS: readonly { readonly kind: Kind; readonly label: string }[] = [
  { kind: "mae-check", label: "Reconstructions" },
  { kind: "prediction", label: "Predictions" },
  { kind: "segmentation", label: "Segmentations" },
  { kind: "features", label: "Features" },
  { kind: "augmentation", label: "Augmented" },
];

/** Roles in the order in which they are shown. */
const ROLES: readonly { readonly role: keyof ImageFiles; readonly title: string }[] = [
  { role: "original", title: "Original" },
  { role: "masked", title: "Masked" },
  { role: "reconstruction", title: "Reconstruction" },
  { role: "reconstructionAndVisible", title: "Reconstruction + visible" },
  { role: "prediction", title: "Prediction" },
  { role: "probabilities", title: "Probabilities" },
  { role: "groundTruth", title: "Ground truth" },
  { role: "features", title: "Features" },
];

/** A row shows reconstructions beside what was masked; the prediction, without a mask, beside its original. */
const SHOWN_ROLES: Readonly<Record<Kind, readonly (keyof ImageFiles)[]>> = {
  "mae-check": ["original", "masked", "reconstruction", "reconstructionAndVisible"],
  prediction: ["original", "masked", "prediction", "groundTruth"],
  segmentation: ["original", "prediction", "groundTruth", "probabilities"],
  features: ["original", "features"],
  augmentation: ["original", "masked", "reconstruction", "reconstructionAndVisible", "prediction"],
};

/** The images of a run: kinds to choose from, a preview of each image, and the files of the chosen one in a row. */
export class ImagesView {
  readonly element: HTMLElement;
  private readonly kinds: HTMLElement;
  private readonly caption: HTMLElement;
  private readonly empty: HTMLElement;
  private readonly content: HTMLElement;
  private readonly thumbnails: Thumbnails;
  private readonly row: ImageRow;
  private readonly open: HTMLElement;
  private record: RunRecord | undefined;
  private shown: ImageEvent | undefined;

  constructor(
    client: ImageClient,
    private settings: ImageSettings,
    private readonly changed: (settings: ImageSettings) => void,
    private readonly openFile: (path: string) => void,
  ) {
    this.kinds = element("div", { class: "kinds", role: "tablist", "aria-label": "Kind of images" });
    this.caption = element("span", { class: "hint" });
    this.empty = element(
      "p",
      { class: "hint" },
      "No images yet: after each epoch a test image comes here as it is, masked, and reconstructed.",
    );
    this.thumbnails = new Thumbnails(client, (image) => this.choose({ image }));
    this.row = new ImageRow(client, {
      settings: settings.row,
      wheelZooms: false,
      start: "middle",
      changed: (row) => this.keep({ row }),
    });
    this.open = button("Open in editor", () => this.openShown(), { label: "Open the files of this image" });
    const help =
      "Ctrl+wheel or + and − zoom, dragging moves, arrow keys read pixels, Page Up and Down change slices.";
    this.content = element(
      "div",
      { class: "images" },
      this.thumbnails.element,
      element("div", { class: "image-caption" }, this.caption, this.open),
      this.row.element,
      element("p", { class: "hint" }, help),
    );
    this.element = element(
      "section",
      { class: "section", "aria-label": "Images" },
      element("header", { class: "section-header" }, element("h2", {}, "Images"), this.kinds),
      this.empty,
      this.content,
    );
  }

  show(record: RunRecord): void {
    const { record: before } = this;
    this.record = record;
    const events = [...record.images.values()];
    const kinds = KINDS.filter(({ kind }) => events.some((event) => event.kind === kind));
    show(this.empty, kinds.length === 0);
    show(this.content, kinds.length > 0);
    show(this.kinds, kinds.length > 0);
    if (kinds.length === 0) return;
    const kind = kinds.find((each) => each.kind === this.settings.kind)?.kind ?? kinds[0].kind;
    this.showKinds(kinds, kind);
    const images = events.filter((event) => event.kind === kind);
    const chosen = images.find(({ image }) => image === this.settings.image) ?? images[0];
    this.thumbnails.show(
      images.map((event) => ({ name: event.image, path: thumbnailFile(event), time: event.time })),
      chosen.image,
    );
    this.showImage(chosen, before === record);
  }

  private showImage(event: ImageEvent, sameRun: boolean): void {
    const epoch = event.epoch === undefined ? "" : `, after epoch ${event.epoch}`;
    setText(this.caption, `${event.image}${epoch}`);
    const { shown } = this;
    if (shown === event) return;
    this.shown = event;
    const same = sameRun && shown?.kind === event.kind && shown.image === event.image;
    void this.row.show(rowImages(event), same);
  }

  private showKinds(kinds: typeof KINDS, chosen: Kind): void {
    const tabs = kinds.map(({ kind, label }) => {
      const selected = kind === chosen;
      const tab = element(
        "button",
        {
          class: "kind",
          type: "button",
          role: "tab",
          "aria-selected": String(selected),
          tabindex: selected ? "0" : "-1",
        },
        label,
      );
      tab.addEventListener("click", () => this.choose({ kind }));
      return tab;
    });
    const key = JSON.stringify([kinds, chosen]);
    if (this.kinds.dataset.shown === key) return;
    const focused = this.kinds.contains(document.activeElement);
    this.kinds.dataset.shown = key;
    this.kinds.replaceChildren(...tabs);
    this.kinds.onkeydown = ({ key }) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
      const at = kinds.findIndex(({ kind }) => kind === chosen);
      if (by !== undefined) this.choose({ kind: kinds[(at + by + kinds.length) % kinds.length].kind });
    };
    if (focused) tabs.find((tab) => tab.tabIndex === 0)?.focus();
  }

  private choose(choice: ImageSettings): void {
    this.keep(choice);
    if (this.record !== undefined) this.show(this.record);
  }

  private keep(change: ImageSettings): void {
    this.settings = { ...this.settings, ...change };
    this.changed(this.settings);
  }

  private openShown(): void {
    if (this.shown === undefined) return;
    const [image] = rowImages(this.shown).slice(-1);
    if (image !== undefined) this.openFile(image.path);
  }
}

function rowImages({ kind, files }: ImageEvent): RowImage[] {
  return ROLES.filter(({ role }) => SHOWN_ROLES[kind].includes(role)).flatMap(({ role, title }) => {
    const path = files[role];
    return path === undefined ? [] : [{ title, path }];
  });
}

/** What an image is recognised by in the strip of previews: what was made of it, and not the image that went in. */
function thumbnailFile({ kind, files }: ImageEvent): string | undefined {
  if (kind === "features") return files.features;
  const made = files.reconstructionAndVisible ?? files.prediction ?? files.reconstruction;
  return (kind === "prediction" ? files.prediction : undefined) ?? made ?? files.original ?? files.masked;
}
