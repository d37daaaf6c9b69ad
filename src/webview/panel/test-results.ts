import { metricName, orderedMetrics, shortNumber } from "../../facts/format.ts";
import type { TestEvent } from "../../facts/run-events.ts";
import { element, show } from "../dom.ts";

const numberOrEmpty = (value: number | undefined): string => (value === undefined ? "" : shortNumber(value));

/** The metrics of the test images, and their mean. */
export class TestResults {
  readonly element: HTMLElement;
  private readonly table: HTMLElement;
  private shown = "";

  constructor() {
    this.table = element("table", { class: "results metrics" });
    this.element = element(
      "section",
      { class: "section", "aria-label": "Test results" },
      element("header", { class: "section-header" }, element("h2", {}, "Test results")),
      element("div", { class: "table-scroll", tabindex: "0" }, this.table),
    );
  }

  show(tests: ReadonlyMap<string, TestEvent>): void {
    show(this.element, tests.size > 0);
    const rows = [...tests.values()].sort(
      (a, b) => Number(a.image === undefined) - Number(b.image === undefined),
    );
    const key = JSON.stringify(rows);
    if (key === this.shown) return;
    this.shown = key;
    const metrics = orderedMetrics(rows.flatMap((row) => Object.keys(row.metrics)));
    const heading = (text: string) => element("th", { scope: "col" }, text);
    this.table.replaceChildren(
      element(
        "thead",
        {},
        element("tr", {}, heading("Image"), ...metrics.map((name) => heading(metricName(name)))),
      ),
      element(
        "tbody",
        {},
        ...rows.map(({ image, metrics: values }) =>
          element(
            "tr",
            { class: image === undefined ? "mean" : "" },
            element("th", { scope: "row" }, image ?? "Mean"),
            ...metrics.map((name) => element("td", {}, numberOrEmpty(values[name]))),
          ),
        ),
      ),
    );
  }
}
