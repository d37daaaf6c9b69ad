import type { EpochPictures } from "../../facts/epoch-pictures.ts";
import { IMAGE_TITLES } from "../../facts/image-titles.ts";
import type { ImageEvent, ImageFiles } from "../../facts/run-events.ts";
import { element, setText, show } from "../dom.ts";
import type { ImageClient } from "../images/image-client.ts";
import { ImageRow } from "../images/image-row.ts";
import type { RowImage } from "../images/opened-image.ts";
import type { RowSettings } from "../images/row-state.ts";
import { Stepper } from "../images/stepper.ts";
import { button } from "../toolkit.ts";
import type { RunRecord } from "./run-record.ts";
import { Thumbnails } from "./thumbnails.ts";

type Kind = ImageEvent["kind"];

/** Settings that the page stores: the chosen image and how it is shown. */
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

/** The files that a row shows of each kind, in order. */
const SHOWN_ROLES: Readonly<Record<Kind, readonly (keyof ImageFiles)[]>> = {
  "mae-check": ["original", "masked", "reconstruction", "reconstructionAndVisible"],
  prediction: ["original", "masked", "prediction", "groundTruth"],
  segmentation: ["original", "prediction", "groundTruth", "probabilities"],
  features: ["original", "features", "prediction", "groundTruth"],
  augmentation: ["original", "reconstruction"],
};

export interface ImagesEvents {
  /** Opens images in the image viewer at a slice. */
  open(images: readonly RowImage[], z: number | undefined): void;
  /** Asks for a place and saves a picture there. */
  save(name: string, png: Blob): void;
}

/** The images of a run: tabs for the kinds, a thumbnail of each image, and the files of the chosen one side by side. */
export class ImagesView {
  readonly element: HTMLElement;
  private readonly kinds: HTMLElement;
  private readonly caption: HTMLElement;
  private readonly empty: HTMLElement;
  private readonly content: HTMLElement;
  private readonly thumbnails: Thumbnails;
  private readonly row: ImageRow;
  private readonly open: HTMLElement;
  private readonly epochs: Stepper;
  private record: RunRecord | undefined;
  private shown: ImageEvent | undefined;
  /** Pictures of the run's earlier epochs. */
  private replay: readonly EpochPictures[] = [];
  /** The epoch shown. Undefined for the newest images. */
  private replayed: number | undefined;

  constructor(
    client: ImageClient,
    private settings: ImageSettings,
    private readonly changed: (settings: ImageSettings) => void,
    private readonly events: ImagesEvents,
  ) {
    this.kinds = element("div", { class: "kinds", role: "tablist", "aria-label": "Kind of images" });
    this.caption = element("span", { class: "hint" });
    this.empty = element(
      "p",
      { class: "hint" },
      "No images yet. While training, a test image appears here: original, masked and reconstructed.",
    );
    this.thumbnails = new Thumbnails(client, (image) => this.choose({ image }));
    this.row = new ImageRow(client, {
      settings: settings.row,
      wheelZooms: false,
      colorsBelow: true,
      start: "middle",
      changed: (row) => this.keep({ row }),
      save: events.save,
      open: events.open,
    });
    this.epochs = new Stepper("Epoch", (place) => this.replayAt(place));
    this.epochs.element.classList.add("epochs");
    this.open = button("Open in editor", () => this.openShown(), {
      label: "Open these images in the image viewer",
    });
    const help = "Ctrl + wheel to zoom, drag to move, ? for the list of keys.";
    this.content = element(
      "div",
      { class: "images" },
      this.thumbnails.element,
      element("div", { class: "image-caption" }, this.caption, this.epochs.element, this.open),
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

  show(record: RunRecord, replay: readonly EpochPictures[] = []): void {
    const { record: before } = this;
    if (before !== record) this.replayed = undefined;
    this.record = record;
    this.replay = replay;
    const events = [...record.images.values()];
    const kinds = KINDS.filter(({ kind }) => events.some((event) => event.kind === kind));
    const [first] = kinds;
    show(this.empty, kinds.length === 0);
    show(this.content, kinds.length > 0);
    show(this.kinds, kinds.length > 0);
    if (first === undefined) return;
    const kind = (kinds.find((each) => each.kind === this.settings.kind) ?? first).kind;
    this.showKinds(kinds, kind);
    const images = events.filter((event) => event.kind === kind);
    const chosen = images.find(({ image }) => image === this.settings.image) ?? images[0];
    if (chosen === undefined) return;
    this.thumbnails.show(
      images.map((event) => ({ name: event.image, path: thumbnailFile(event), time: event.time })),
      chosen.image,
    );
    this.showImage(chosen, before === record);
  }

  private showImage(event: ImageEvent, sameRun: boolean): void {
    const stages = this.stages(event);
    const at = stages.findIndex(({ epoch }) => epoch === this.replayed);
    const stage = at < 0 ? undefined : stages[at];
    this.epochs.show(at < 0 ? stages.length : at, stages.length + 1, (place) =>
      String(stages[place]?.epoch ?? event.epoch ?? ""),
    );
    const epoch = stage?.epoch ?? event.epoch;
    setText(this.caption, epoch === undefined ? event.image : `${event.image}, after epoch ${epoch}`);
    const { shown } = this;
    const shows =
      stage === undefined ? event : { ...event, files: { ...event.files, ...stage.files }, epoch };
    if (
      shown?.time === shows.time &&
      shown.image === shows.image &&
      shown.kind === shows.kind &&
      shown.epoch === epoch
    )
      return;
    this.shown = shows;
    const same = sameRun && shown?.kind === event.kind && shown.image === event.image;
    void this.row.show(rowImages(shows), same);
  }

  /** Returns the earlier epochs of an image. */
  private stages({ kind, image, epoch: last }: ImageEvent): { epoch: number; files: ImageFiles }[] {
    if (kind !== "mae-check" && kind !== "segmentation") return [];
    return this.replay.flatMap(({ epoch, images }) => {
      const files = images[image];
      return files === undefined || epoch === last ? [] : [{ epoch, files }];
    });
  }

  private replayAt(place: number): void {
    if (this.shown === undefined || this.record === undefined) return;
    this.replayed = this.stages({ ...this.shown, epoch: this.newest?.epoch })[place]?.epoch;
    this.show(this.record, this.replay);
  }

  /** The chosen image's newest event. */
  private get newest(): ImageEvent | undefined {
    const { shown } = this;
    return shown && this.record?.images.get(`${shown.kind} ${shown.image}`);
  }

  private showKinds(kinds: typeof KINDS, chosen: Kind): void {
    const key = JSON.stringify([kinds, chosen]);
    if (this.kinds.dataset.shown === key) return;
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
    const focused = this.kinds.contains(document.activeElement);
    this.kinds.dataset.shown = key;
    this.kinds.replaceChildren(...tabs);
    this.kinds.onkeydown = ({ key }) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
      const at = kinds.findIndex(({ kind }) => kind === chosen);
      const next = by === undefined ? undefined : kinds[(at + by + kinds.length) % kinds.length];
      if (next !== undefined) this.choose({ kind: next.kind });
    };
    if (focused) tabs.find((tab) => tab.tabIndex === 0)?.focus();
  }

  private choose(choice: ImageSettings): void {
    this.keep(choice);
    this.replayed = undefined;
    if (this.record !== undefined) this.show(this.record, this.replay);
  }

  private keep(change: ImageSettings): void {
    this.settings = { ...this.settings, ...change };
    this.changed(this.settings);
  }

  private openShown(): void {
    if (this.shown !== undefined) this.events.open(rowImages(this.shown), this.row.slice);
  }
}

/** Whether a file holds class numbers. */
const areLabels = (kind: Kind, role: keyof ImageFiles): boolean =>
  (kind === "segmentation" || kind === "features") && (role === "prediction" || role === "groundTruth");

function rowImages({ kind, files }: ImageEvent): RowImage[] {
  return SHOWN_ROLES[kind].flatMap((role) => {
    const path = files[role];
    const title = kind === "augmentation" && role === "reconstruction" ? "Augmented" : IMAGE_TITLES[role];
    return path === undefined ? [] : [{ title, path, labels: areLabels(kind, role) }];
  });
}

/** Returns the file to draw as an image's thumbnail: a result if there is one. */
function thumbnailFile({ kind, files }: ImageEvent): string | undefined {
  if (kind === "features") return files.features;
  const made = files.reconstructionAndVisible ?? files.prediction ?? files.reconstruction;
  return (kind === "prediction" ? files.prediction : undefined) ?? made ?? files.original ?? files.masked;
}
