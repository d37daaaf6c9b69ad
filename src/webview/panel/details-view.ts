import type { RunNotes } from "../../facts/run-notes.ts";
import type { RunDetails } from "../../protocol/panel-messages.ts";
import { element, setText, show } from "../dom.ts";

export interface DetailsEvents {
  annotate(notes: RunNotes): void;
  openFile(path: string, line?: number): void;
}

/** A run's details: its name, notes, and changed keys of its configuration. */
export class DetailsView {
  readonly element: HTMLElement;
  private readonly title: HTMLInputElement;
  private readonly notes: HTMLTextAreaElement;
  private readonly table = element("table", { class: "results configuration" });
  private readonly summary = element("summary", {}, "Configuration");
  private readonly configuration: HTMLElement;
  private details: RunDetails | undefined;

  constructor(private readonly events: DetailsEvents) {
    this.title = element("input", {
      type: "text",
      class: "text-input",
      id: "run-title",
      placeholder: "Name",
    });
    this.notes = element("textarea", {
      class: "text-input",
      id: "run-notes",
      rows: "2",
      placeholder: "Notes",
    });
    for (const field of [this.title, this.notes]) field.addEventListener("change", () => this.changed());
    this.configuration = element(
      "details",
      {},
      this.summary,
      element("div", { class: "table-scroll", tabindex: "0" }, this.table),
    );
    this.element = element(
      "section",
      { class: "section", "aria-label": "About this run" },
      element("header", { class: "section-header" }, element("h2", {}, "About this run")),
      element(
        "div",
        { class: "about" },
        element("label", { for: "run-title" }, "Name"),
        this.title,
        element("label", { for: "run-notes" }, "Notes"),
        this.notes,
      ),
      this.configuration,
    );
  }

  /** Shows a run's details; nothing until they are loaded. */
  show(details: RunDetails | undefined): void {
    show(this.element, details !== undefined);
    if (details === undefined || details === this.details) return;
    this.details = details;
    const { notes, configuration } = details;
    // Keeps text that is being typed.
    if (document.activeElement !== this.title) this.title.value = notes.title;
    if (document.activeElement !== this.notes) this.notes.value = notes.notes;
    show(this.configuration, configuration !== undefined);
    if (configuration === undefined) return;
    const { file, changed } = configuration;
    const count = changed.length === 1 ? "1 key differs" : `${changed.length} keys differ`;
    setText(this.summary, `Configuration: ${count} from the defaults`);
    const heading = (text: string) => element("th", { scope: "col" }, text);
    this.table.replaceChildren(
      element("thead", {}, element("tr", {}, heading("Key"), heading("Value"), heading("Default"))),
      element(
        "tbody",
        {},
        ...changed.map(({ key, value, defaultValue, line }) => {
          const link = element("button", { type: "button", class: "link", title: `Open line ${line}` }, key);
          link.addEventListener("click", () => this.events.openFile(file, line));
          return element(
            "tr",
            {},
            element("th", { scope: "row" }, link),
            element("td", {}, value),
            element("td", { class: "hint" }, defaultValue),
          );
        }),
      ),
    );
  }

  private changed(): void {
    if (this.details === undefined) return;
    const notes = { ...this.details.notes, title: this.title.value.trim(), notes: this.notes.value };
    this.details = { ...this.details, notes };
    this.events.annotate(notes);
  }
}
