import { errorMessage } from "../../facts/errors.ts";
import { copyText } from "../clipboard.ts";
import { element, setText } from "../dom.ts";
import { button } from "../toolkit.ts";
import type { LogLine, RunRecord } from "./run-record.ts";

/** Number of lines shown. */
const TAIL = 200;

export interface LogEvents {
  openFile(path: string, line?: number): void;
  /** Tells the user why copying failed. */
  failed(message: string): void;
}

/** The last lines of a run's log. */
export class LogView {
  readonly element: HTMLElement;
  private readonly tail: HTMLElement;
  private readonly count: HTMLElement;
  private shown: readonly LogLine[] = [];

  constructor(private readonly events: LogEvents) {
    this.tail = element("ol", { class: "log-tail", tabindex: "0", "aria-label": "Last lines of the log" });
    this.count = element("span", { class: "hint" });
    const copy = button("Copy", () => this.copy(), { label: "Copy the log" });
    this.element = element(
      "section",
      { class: "section", "aria-label": "Log" },
      element(
        "header",
        { class: "section-header" },
        element("h2", {}, "Log"),
        element("div", { class: "toolbar" }, this.count, copy),
      ),
      this.tail,
    );
  }

  show({ log }: Pick<RunRecord, "log">): void {
    const last = log.at(-1);
    if (log.length === this.shown.length && last === this.shown.at(-1)) return;
    const before = this.shown.at(-1);
    this.shown = log.slice();
    const follows = this.tail.scrollTop + this.tail.clientHeight >= this.tail.scrollHeight - 8;
    // Lines that stay are kept: they may be selected to be copied.
    const known = before === undefined ? -1 : log.lastIndexOf(before);
    if (known < 0) this.tail.replaceChildren();
    this.tail.append(
      ...log
        .slice(known + 1)
        .slice(-TAIL)
        .map((line) => this.line(line)),
    );
    while (this.tail.childElementCount > TAIL) this.tail.firstElementChild?.remove();
    if (follows) this.tail.scrollTop = this.tail.scrollHeight;
    setText(this.count, log.length > TAIL ? `last ${TAIL} lines` : "");
  }

  private line({ time, level, text, file }: LogLine): HTMLElement {
    const clock = new Date(time).toLocaleTimeString();
    const line = element("li", { class: `log-line ${level}` }, element("time", {}, clock));
    if (level !== "info") line.append(element("span", { class: "log-level" }, level));
    if (file === undefined) line.append(element("span", { class: "log-text" }, text));
    else {
      const link = element(
        "button",
        { type: "button", class: "link log-text", title: `Open ${file.path}` },
        text,
      );
      link.addEventListener("click", () => this.events.openFile(file.path, file.line));
      line.append(link);
    }
    return line;
  }

  private copy(): void {
    const lines = this.shown.map(
      ({ time, level, text }) => `${new Date(time).toISOString()} ${level} ${text}`,
    );
    copyText(lines.join("\n")).catch((error) => this.events.failed(`Not copied: ${errorMessage(error)}`));
  }
}
