import { runName } from "../../facts/run-titles.ts";
import type { RunSummary } from "../../protocol/panel-messages.ts";
import { element, show } from "../dom.ts";
import { button, checkbox, dropdown, type Picker } from "../toolkit.ts";

export interface RunBarEvents {
  showRun(run: string): void;
  compare(runs: readonly string[]): void;
}

/** As many runs as there are colors. */
const MOST_COMPARED = 6;

/** Chooses the shown run, and the runs compared with it. */
export class RunBar {
  readonly element: HTMLElement;
  /** The list of runs to compare with the shown one; below the bar while it is open. */
  readonly comparison: HTMLElement;
  private readonly picker: Picker;
  private readonly compareButton: HTMLElement;
  private readonly list: HTMLElement;
  private compared: readonly string[] = [];
  private choosing = false;
  private listed = "";

  /** @param buttons the run's buttons: stop, resume */
  constructor(
    buttons: HTMLElement,
    private readonly events: RunBarEvents,
  ) {
    this.picker = dropdown("Run", (run) => events.showRun(run));
    this.picker.element.classList.add("run-picker");
    this.compareButton = button("Compare…", () => this.choose(!this.choosing), {
      label: "Lay other runs over this one",
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
    this.compared = compared;
    this.picker.show(
      runs.map((run) => ({ value: run.id, label: runLabel(run) })),
      shown,
    );
    const others = runs.filter(({ id }) => id !== shown);
    show(this.compareButton, others.length > 0);
    const listed = JSON.stringify([others.map(({ id, name, runId }) => [id, name, runId]), compared]);
    if (listed === this.listed) return;
    this.listed = listed;
    const focused = this.list.contains(document.activeElement);
    this.list.replaceChildren(
      ...others.map((run) => {
        const chosen = compared.includes(run.id);
        const full = !chosen && compared.length >= MOST_COMPARED - 1;
        const box = checkbox(runName(run), chosen, (checked) => this.toggle(run.id, checked)).element;
        box.title = run.id;
        box.dataset.run = run.id;
        if (full) box.setAttribute("disabled", "");
        return box;
      }),
    );
    if (focused) this.list.querySelector<HTMLElement>("[data-run]")?.focus();
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
