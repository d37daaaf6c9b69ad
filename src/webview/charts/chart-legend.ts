import { shortNumber } from "../../facts/format.ts";
import { element, setText } from "../dom.ts";
import { curveColor } from "../theme.ts";
import type { Curve } from "./track.ts";

/** The names of a chart's curves with their values: as buttons in the header, or as a readout beside the cursor. */
export class ChartLegend {
  readonly element = element("div", { class: "chart-legend" });
  /** Shown while the cursor is on a chart that shares its legend with others. */
  readonly readout = element("div", { class: "chart-readout", "aria-hidden": "true" });
  /** The value of each curve, faint ones included. */
  private values: readonly HTMLElement[] = [];

  constructor(private readonly toggled: (curve: Curve, visible: boolean) => void) {}

  /** @param inHeader whether the chart has a legend; otherwise it has a readout */
  build(curves: readonly Curve[], hidden: ReadonlySet<string>, inHeader: boolean): void {
    const entries = curves.map((curve) => {
      const value = element("span", { class: "legend-value" });
      return { curve, value, named: curve.style !== "faint" };
    });
    this.values = entries.map(({ value }) => value);
    const lines = entries
      .filter(({ named }) => named)
      .map(({ curve, value }) =>
        inHeader
          ? this.button(curve, value, !hidden.has(curve.label))
          : element("div", { class: "legend-entry" }, swatch(curve), curve.label, value),
      );
    this.element.replaceChildren(...(inHeader ? lines : []));
    this.readout.replaceChildren(...(inHeader ? [] : lines));
  }

  /**
   * @param values of each curve
   * @param pointed whether they are under the cursor
   */
  showValues(values: readonly (number | undefined)[], pointed: boolean): void {
    this.readout.hidden = !pointed || this.readout.childElementCount === 0;
    for (const [index, target] of this.values.entries()) {
      const value = values[index];
      setText(target, value === undefined ? "" : shortNumber(value));
    }
  }

  /** Returns the shown value of a curve. */
  valueText(index: number): string {
    return this.values[index]?.textContent ?? "";
  }

  private button(curve: Curve, value: HTMLElement, visible: boolean): HTMLElement {
    const { label } = curve;
    const entry = element(
      "button",
      {
        class: "legend-entry",
        type: "button",
        "aria-pressed": String(visible),
        title: `Show or hide ${label}`,
      },
      swatch(curve),
      label,
      value,
    );
    entry.addEventListener("click", () => {
      const show = entry.getAttribute("aria-pressed") !== "true";
      entry.setAttribute("aria-pressed", String(show));
      this.toggled(curve, show);
    });
    return entry;
  }
}

function swatch({ color, style }: Curve): HTMLElement {
  const made = element("span", { class: `legend-swatch ${style}`, "aria-hidden": "true" });
  made.style.setProperty("--color", curveColor(color));
  return made;
}
