import { runName } from "../../facts/run-titles.ts";
import type { RunSummary } from "../../protocol/panel-messages.ts";
import { element, show } from "../dom.ts";
import { CURVE_COLORS } from "../theme.ts";
import { button, checkbox, dropdown, type Picker, type Toggle } from "../toolkit.ts";

export interface RunBarEvents {
  showRun(run: string): void;
  compare(runs: readonly string[]): void;
}

/** Chooses the shown run, and the runs compared with it. */
export class RunBar {
  readonly element: HTMLElement;
  /** The list of runs to compare with the shown one; below the bar while it is open. */
  readonly comparison: HTMLElement;
  private readonly picker: Picker;
  private readonly compareButton: HTMLElement;
  private readonly list: HTMLElement;
  /** The box of each run to compare. */
  private boxes: ReadonlyMap<string, Toggle> = new Map();
  /** With the changes made here that the extension has not answered yet. */
  private compared: readonly string[] = [];
  private choosing = false;
  private listed = "";
  private shownCompared = "";

  /** @param buttons the run's buttons: stop, resume */
  constructor(
    buttons: HTMLElement,
    private readonly events: RunBarEvents,
  ) {
    this.picker = dropdown("Run", (run) => events.showRun(run));
    this.picker.element.classList.add("run-picker");
    this.compareButton = button("Compare…", () => this.choose(!this.choosing), {
      label: "Compare other runs with this one",
    });
    this.compareButton.setAttribute("aria-expanded", "false");
    this.list = element("div", { class: "compared-runs" });
    this.comparison = element(
      "fieldset",
      { class: "comparison" },
      element("legend", {}, "Compared with"),
      this.list,
      button("Done", () => this.choose(false)),
    );
    this.comparison.hidden = true;
    this.element = element(
      "div",
      { class: "run-bar", role: "group", "aria-label": "Run" },
      this.picker.element,
      this.compareButton,
      element("span", { class: "space" }),
      buttons,
    );
  }

  show(runs: readonly RunSummary[], shown: string, compared: readonly string[]): void {
    this.picker.show(
      runs.map((run) => ({ value: run.id, label: runLabel(run) })),
      shown,
    );
    const others = runs.filter(({ id }) => id !== shown);
    show(this.compareButton, others.length > 0);
    const listed = JSON.stringify(others.map(({ id, name, runId }) => [id, name, runId]));
    const shownCompared = JSON.stringify(compared);
    if (listed === this.listed && shownCompared === this.shownCompared) return;
    if (listed !== this.listed) this.makeBoxes(others);
    this.listed = listed;
    this.shownCompared = shownCompared;
    this.compared = compared;
    for (const [run, box] of this.boxes) {
      box.checked = compared.includes(run);
      box.element.toggleAttribute("disabled", !box.checked && compared.length >= CURVE_COLORS - 1);
    }
  }

  private makeBoxes(runs: readonly RunSummary[]): void {
    const focused = [...this.boxes].find(([, { element }]) => element === document.activeElement)?.[0];
    this.boxes = new Map(
      runs.map((run) => {
        const box = checkbox(runName(run), false, (checked) => this.toggle(run.id, checked));
        box.element.title = run.id;
        return [run.id, box];
      }),
    );
    this.list.replaceChildren(...[...this.boxes.values()].map(({ element }) => element));
    if (focused !== undefined) this.boxes.get(focused)?.element.focus();
  }

  private toggle(run: string, checked: boolean): void {
    this.compared = checked ? [...this.compared, run] : this.compared.filter((each) => each !== run);
    this.events.compare(this.compared);
  }

  private choose(choosing: boolean): void {
    this.choosing = choosing;
    show(this.comparison, choosing);
    this.compareButton.setAttribute("aria-expanded", String(choosing));
  }
}

const runLabel = (run: RunSummary): string =>
  `${runName(run)} · ${run.status} · ${new Date(run.started).toLocaleDateString()}`;
