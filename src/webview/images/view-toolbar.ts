import { keysOf } from "../../facts/checked-lists.ts";
import { element, setText, show } from "../dom.ts";
import { button, checkbox, dropdown, type Picker, type Toggle } from "../toolkit.ts";
import { Stepper } from "./stepper.ts";
import type { Viewport } from "./viewport.ts";

/** Toggles of the toolbar. */
const SWITCHES = {
  maximum: "Maximum",
  orthogonal: "Orthogonal",
  swipe: "Swipe",
  difference: "Difference",
  errors: "Errors",
  scaleBar: "Scale bar",
} as const;

export type Switch = keyof typeof SWITCHES;

export interface ToolbarEvents {
  stepped(z: number): void;
  switched(which: Switch, on: boolean): void;
  /** Other images are compared. */
  compared(pair: Pair): void;
  swiped(share: number): void;
  copy(): void;
  save(): void;
  help(): void;
}

/** Two images of a row, by index. */
export type Pair = readonly [a: number, b: number];

export interface ToolbarState {
  readonly z: number;
  readonly depth: number;
  readonly switches: Readonly<Record<Switch, boolean>>;
  /** The toggles that apply to these images. */
  readonly offered: ReadonlySet<Switch>;
  readonly titles: readonly string[];
  readonly pair: Pair;
  readonly swipeShare: number;
}

/** The controls over a row of images: slice, views, comparison, zoom, copying and saving. */
export class ViewToolbar {
  readonly element: HTMLElement;
  private readonly slice: Stepper;
  private readonly switches: Readonly<Record<Switch, Toggle>>;
  private readonly pair: { readonly a: Picker; readonly b: Picker; readonly element: HTMLElement };
  private readonly divider: HTMLInputElement;
  private readonly zoomText = element("span", {
    class: "zoom-text",
    title: "Screen pixels for a pixel of the file",
  });
  private readonly notice = element("span", { class: "hint notice", role: "status" });
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private shownPair: Pair = [0, 1];

  constructor(
    private readonly viewport: Viewport,
    events: ToolbarEvents,
  ) {
    this.slice = new Stepper("Slice (z)", (z) => events.stepped(z));
    const toggle = (which: Switch) => checkbox(SWITCHES[which], false, (on) => events.switched(which, on));
    this.switches = {
      maximum: toggle("maximum"),
      orthogonal: toggle("orthogonal"),
      swipe: toggle("swipe"),
      difference: toggle("difference"),
      errors: toggle("errors"),
      scaleBar: toggle("scaleBar"),
    };
    this.pair = this.pairPickers(events);
    this.divider = element("input", {
      type: "range",
      min: "0",
      max: "1",
      step: "any",
      "aria-label": "Divider",
    });
    this.divider.addEventListener("input", () => events.swiped(this.divider.valueAsNumber));
    const { maximum, orthogonal, swipe, difference, errors, scaleBar } = this.switches;
    this.element = element(
      "div",
      { class: "toolbar", role: "group", "aria-label": "View" },
      this.slice.element,
      maximum.element,
      orthogonal.element,
      swipe.element,
      difference.element,
      errors.element,
      this.pair.element,
      this.divider,
      this.zoomButtons(),
      scaleBar.element,
      element(
        "span",
        { class: "control" },
        button("Copy", events.copy, { label: "Copy the picture as shown" }),
        button("Save…", events.save, { label: "Save the picture as shown as a PNG" }),
        button("?", events.help, { kind: "icon", label: "Show keys" }),
        this.notice,
      ),
    );
    viewport.onScale(() => this.showZoom());
    viewport.onChange(() => this.showZoom());
    this.showZoom();
  }

  show({ z, depth, switches, offered, titles, pair, swipeShare }: ToolbarState): void {
    this.slice.show(z, depth);
    show(this.slice.element, depth > 1 && !switches.maximum);
    for (const which of keysOf(SWITCHES)) {
      show(this.switches[which].element, offered.has(which));
      this.switches[which].checked = switches[which];
    }
    const compares = (switches.difference || switches.swipe) && titles.length > 1;
    show(this.pair.element, compares);
    show(this.divider, switches.swipe && titles.length > 1);
    this.divider.value = String(swipeShare);
    this.shownPair = pair;
    const choices = titles.map((label, index) => ({ value: String(index), label }));
    this.pair.a.show(choices, String(pair[0]));
    this.pair.b.show(choices, String(pair[1]));
  }

  /** Briefly shows what was done. */
  notify(text: string): void {
    setText(this.notice, text);
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => setText(this.notice, ""), 4000);
  }

  private pairPickers(events: ToolbarEvents) {
    const a = dropdown("Compare: this image", (value) => events.compared([Number(value), this.shownPair[1]]));
    const b = dropdown("Compare: with this image", (value) =>
      events.compared([this.shownPair[0], Number(value)]),
    );
    return { a, b, element: element("span", { class: "control pair" }, a.element, "↔", b.element) };
  }

  private zoomButtons(): HTMLElement {
    const { viewport } = this;
    return element(
      "span",
      { class: "control zoom", role: "group", "aria-label": "Zoom" },
      button("−", () => viewport.zoomBy(1 / 1.5), { kind: "icon", label: "Zoom out" }),
      this.zoomText,
      button("+", () => viewport.zoomBy(1.5), { kind: "icon", label: "Zoom in" }),
      button("Fit", () => viewport.fit(), { label: "Show the whole image" }),
      button("100 %", () => viewport.trueSize(), { label: "One screen pixel for each pixel of the file" }),
    );
  }

  private showZoom(): void {
    const percent = this.viewport.scale * 100;
    setText(this.zoomText, `${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)} %`);
  }
}
