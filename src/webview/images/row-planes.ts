import { errorMessage } from "../../facts/errors.ts";
import type { PlaneView } from "../../protocol/panel-messages.ts";
import type { ImageClient } from "./image-client.ts";
import type { OpenedImage, Planes, RowImage } from "./opened-image.ts";
import type { PlaneImage } from "./plane-image.ts";
import type { RowState } from "./row-state.ts";

export interface LoadEvents {
  /** Planes of the state's images were loaded. */
  loaded(): void;
  /** Loading began or ended. */
  busy(busy: boolean): void;
}

/** Opens the images of a row and loads the planes of the chosen view into its state. Drops stale responses. */
export class RowPlanes {
  private loading = false;
  /** Whether the view changed while planes were loading. */
  private stale = false;
  private requests = 0;
  private answered: number | undefined;

  constructor(
    private readonly client: ImageClient,
    private readonly state: RowState,
    private readonly events: LoadEvents,
  ) {}

  /** Opens files. Resolves to whether they are still wanted: no other files were requested meanwhile. */
  async open(images: readonly RowImage[]): Promise<boolean> {
    const request = ++this.requests;
    this.showBusy();
    const opened = await Promise.all(images.map((image) => this.openOne(image)));
    if (request !== this.requests) return false;
    this.state.opened = opened;
    this.answered = request;
    return true;
  }

  private openOne(image: RowImage): Promise<OpenedImage> {
    return this.client.open(image.path).then(
      (summary) => ({ image, summary }),
      (error: Error) => ({ image, failure: error.message }),
    );
  }

  /** Loads the planes of the chosen view. A call during loading makes the pending call load the latest view next. */
  async load(): Promise<void> {
    if (this.loading) {
      this.stale = true;
      return;
    }
    this.loading = true;
    this.showBusy();
    do {
      this.stale = false;
      const { opened: requested, z } = this.state;
      const opened = await Promise.all(requested.map((each) => this.withPlanes(each)));
      if (requested !== this.state.opened) {
        // Other images were opened meanwhile.
        this.stale = true;
        continue;
      }
      this.state.opened = opened;
      this.events.loaded();
      if (!this.stale && !this.state.maximum) this.prefetch(z + 1);
    } while (this.stale);
    this.loading = false;
    this.showBusy();
  }

  private async withPlanes({ image, summary, ...failed }: OpenedImage): Promise<OpenedImage> {
    if (summary === undefined) return { image, ...failed };
    const [depth, , , channels] = summary.shape;
    const { maximum, orthogonal } = this.state;
    const z = Math.min(this.state.z, depth - 1);
    const { x, y } = this.state.crossIn(summary.shape);
    const view: PlaneView = maximum ? { kind: "maximum" } : { kind: "slice", z };
    try {
      const [planes, xz, yz] = await Promise.all([
        this.planes(image, channels, view),
        orthogonal ? this.planes(image, channels, { kind: "xz", y }) : undefined,
        orthogonal ? this.planes(image, channels, { kind: "yz", x }) : undefined,
      ]);
      const sections = xz && yz && { xz, yz, at: { z, y, x } };
      return { image, summary, planes, view, ...(sections ? { sections } : {}) };
    } catch (error) {
      return { image, summary, failure: errorMessage(error) };
    }
  }

  /** Loads the visible channels of a view. */
  private async planes({ path }: RowImage, channels: number, view: PlaneView): Promise<Planes> {
    const planes = new Array<PlaneImage | undefined>(channels).fill(undefined);
    await Promise.all(
      this.state.shownChannels(channels).map(async (channel) => {
        planes[channel] = await this.client.plane(path, view, channel);
      }),
    );
    return planes;
  }

  /** Prefetches a slice. */
  private prefetch(z: number): void {
    for (const { image, summary } of this.state.opened) {
      if (summary === undefined || z >= summary.shape[0]) continue;
      for (const channel of this.state.shownChannels(summary.shape[3]))
        this.client.plane(image.path, { kind: "slice", z }, channel).catch(() => {});
    }
  }

  private showBusy(): void {
    this.events.busy(this.loading || this.requests !== this.answered);
  }
}
