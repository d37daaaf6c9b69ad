import { element, show } from "../dom.ts";
import type { LogLine, RunRecord } from "./run-record.ts";

export interface ErrorsEvents {
  openFile(path: string, line?: number): void;
  showLog(): void;
  /** Computes batches in parts of a size from now on. */
  setPartSize(size: number): void;
}

/** A run's errors, then its warnings, each with a link to the place to fix, or a button that changes a setting. */
export class ErrorsView {
  readonly element: HTMLElement;
  private shown: readonly LogLine[] = [];

  constructor(private readonly events: ErrorsEvents) {
    this.element = element("ul", { class: "log-errors", role: "alert", "aria-label": "Errors and warnings" });
    this.element.hidden = true;
  }

  show({ log }: Pick<RunRecord, "log">): void {
    const serious = [
      ...log.filter(({ level }) => level === "error"),
      ...log.filter(({ level }) => level === "warning"),
    ];
    // Screen readers announce an alert each time it is filled.
    show(this.element, serious.length > 0);
    if (serious.length === this.shown.length && serious.every((line, at) => line === this.shown[at])) return;
    this.shown = serious;
    this.element.replaceChildren(...serious.map((line) => this.line(line)));
    if (!serious.some(({ level }) => level === "error")) return;
    const link = element("button", { type: "button", class: "link" }, "Show Log");
    link.addEventListener("click", () => this.events.showLog());
    this.element.append(element("li", { class: "log-line" }, link));
  }

  private line({ level, text, file, partSize }: LogLine): HTMLElement {
    const label = element("span", { class: "log-level" }, level === "error" ? "Error" : "Warning");
    const line = element(
      "li",
      { class: `log-line ${level}` },
      label,
      element("span", { class: "log-text" }, text),
    );
    if (partSize !== undefined) {
      const parts = element(
        "button",
        { type: "button", class: "link", title: "Change the setting biapy.run.partSize" },
        `Compute in Parts of ${partSize}`,
      );
      parts.addEventListener("click", () => this.events.setPartSize(partSize));
      line.append(parts);
    }
    if (file === undefined) return line;
    const where = file.line === undefined ? "Open File" : `Go to Line ${file.line}`;
    const link = element("button", { type: "button", class: "link", title: `Open ${file.path}` }, where);
    link.addEventListener("click", () => this.events.openFile(file.path, file.line));
    line.append(link);
    return line;
  }
}
