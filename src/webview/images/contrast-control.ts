import { oneOf } from "../../facts/checked-lists.ts";
import { element, show } from "../dom.ts";
import { checkbox, dropdown, type NumberField, numberField, type Picker, type Toggle } from "../toolkit.ts";
import { CONTRAST_MODES, type Contrast } from "./contrast.ts";

/** Controls how ranges are found: the mode, the clipped percent, and whether all images share one range. */
export class ContrastControl {
  readonly element: HTMLElement;
  private readonly mode: Picker;
  private readonly percent: NumberField;
  private readonly percentLabel: HTMLElement;
  private readonly shared: Toggle;

  constructor(
    private contrast: Contrast,
    private readonly changed: (contrast: Contrast) => void,
  ) {
    const modes = CONTRAST_MODES.map(({ value }) => value);
    this.mode = dropdown("Contrast", (value) => this.change({ mode: oneOf(modes, value) }));
    this.percent = numberField("Percent of values clipped at either end", contrast.percent, (percent) =>
      this.change({ percent: Math.min(49, Math.max(0, percent)) }),
    );
    this.percentLabel = element("label", { class: "control small-field" }, this.percent.element, "% clipped");
    this.shared = checkbox("Same for all images", contrast.shared, (shared) => this.change({ shared }));
    this.element = element(
      "span",
      { class: "toolbar" },
      element("span", { class: "control" }, "Contrast", this.mode.element),
      this.percentLabel,
      this.shared.element,
    );
    this.show(contrast, 1);
  }

  /** @param images number of images side by side */
  show(contrast: Contrast, images: number): void {
    this.contrast = contrast;
    const { mode, percent } = contrast;
    this.mode.show(CONTRAST_MODES, mode);
    this.percent.value = percent;
    show(this.percentLabel, mode === "auto" || mode === "each");
    show(this.shared.element, images > 1);
  }

  private change(change: Partial<Contrast>): void {
    this.changed({ ...this.contrast, ...change });
  }
}
