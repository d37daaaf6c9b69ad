import { element, setText, show, slider } from "../dom.ts";
import { button } from "../toolkit.ts";

/** A slider over indices from 0, with buttons for one step back and forth. */
export class Stepper {
  readonly element: HTMLElement;
  private readonly slide: HTMLInputElement;
  private readonly text: HTMLElement;
  private value = 0;
  private count = 1;

  constructor(
    label: string,
    private readonly moved: (value: number) => void,
  ) {
    this.slide = slider(label, { min: 1, max: 1, step: 1, value: 1 }, (value) => this.set(value - 1));
    this.text = element("span", { class: "stepper-text" });
    this.element = element(
      "span",
      { class: "control stepper" },
      label,
      button("◂", () => this.stepBy(-1), { kind: "icon", label: `${label}: one back` }),
      this.slide,
      button("▸", () => this.stepBy(1), { kind: "icon", label: `${label}: one on` }),
      this.text,
    );
  }

  /** @param nameOf label of each value. Defaults to its number from 1, and the total. */
  show(value: number, count: number, nameOf?: (value: number) => string): void {
    this.value = value;
    this.count = count;
    show(this.element, count > 1);
    this.slide.max = String(count);
    this.slide.value = String(value + 1);
    this.slide.setAttribute("aria-valuetext", nameOf?.(value) ?? `${value + 1} of ${count}`);
    setText(this.text, nameOf?.(value) ?? `${value + 1} / ${count}`);
  }

  private stepBy(by: number): void {
    this.set(this.value + by);
  }

  private set(value: number): void {
    const next = Math.min(this.count - 1, Math.max(0, value));
    if (next !== this.value) this.moved(next);
  }
}
