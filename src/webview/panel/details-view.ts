import type { RunNotes } from "../../facts/run-notes.ts";
import type { RunDetails } from "../../protocol/panel-messages.ts";
import { element, setText, show } from "../dom.ts";

export interface DetailsEvents {
  /** The user has changed a run's name or notes. */
  annotate(run: string, notes: RunNotes): void;
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
  /** The configuration in the table, as text. */
  private listed = "";
  /** The text of each field when it was last filled or saved. */
  private readonly saved = new Map<HTMLElement, string>();

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
    for (const field of [this.title, this.notes]) field.addEventListener("change", () => this.save());
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
    const sameRun = details.run === this.details?.run;
    // Text that is being typed belongs to the run that was shown.
    if (!sameRun) this.save();
    this.details = details;
    const { notes, configuration } = details;
    this.fill(this.title, notes.title, sameRun);
    this.fill(this.notes, notes.notes, sameRun);
    show(this.configuration, configuration !== undefined);
    if (configuration === undefined) return;
    const listed = JSON.stringify(configuration);
    // A link that is replaced while it is clicked would not be followed.
    if (listed === this.listed) return;
    this.listed = listed;
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

  /** Fills a field. @param keep whether text that is being typed stays */
  private fill(field: HTMLInputElement | HTMLTextAreaElement, text: string, keep: boolean): void {
    if (keep && document.activeElement === field) return;
    field.value = text;
    this.saved.set(field, field.value);
  }

  /** Reports what the user has written, if it has changed. */
  private save(): void {
    const { details, title, notes } = this;
    const fields = [title, notes];
    if (details === undefined || fields.every((field) => field.value === this.saved.get(field))) return;
    for (const field of fields) this.saved.set(field, field.value);
    const written = { ...details.notes, title: title.value.trim(), notes: notes.value };
    this.details = { ...details, notes: written };
    this.events.annotate(details.run, written);
  }
}
