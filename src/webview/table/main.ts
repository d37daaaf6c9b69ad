/** The page of the runs table. */
import "../page.css";
import "./table.css";
import "uplot/dist/uPlot.min.css";
import { counted } from "../../facts/format.ts";
import type { FromTable, RunRow, RunRowDetails, ToTable } from "../../protocol/table-messages.ts";
import { element, oncePerFrame, setText, show } from "../dom.ts";
import { connect } from "../host.ts";
import { CURVE_COLORS } from "../theme.ts";
import { button, checkbox } from "../toolkit.ts";
import { runsCsv, type TableRun } from "./columns.ts";
import { RunTable, type TableSettings } from "./run-table.ts";
import { Scatter } from "./scatter.ts";

interface KeptState {
  readonly table?: TableSettings;
  readonly scatter?: boolean;
}

const host = connect<ToTable, FromTable, KeptState>(receive);
host.post({ type: "ready" });
let kept: KeptState = host.kept ?? {};
let rows: readonly RunRow[] = [];
const details = new Map<string, RunRowDetails>();
const defaults: Record<string, string> = {};
let selected: readonly string[] = [];

const isStarred = (run: string): boolean => details.get(run)?.notes.starred ?? false;
const star = (run: string, starred: boolean) => host.post({ type: "star", run, starred });
const rename = (run: string) => host.post({ type: "edit", run, field: "title" });
const table = new RunTable(kept.table ?? {}, {
  open: (run) => host.post({ type: "show-run", run }),
  star,
  selected: (runs) => {
    selected = runs;
    showActions();
  },
  menu: (run) => [
    { label: "Open in Training Panel", run: () => host.post({ type: "show-run", run }) },
    isStarred(run)
      ? { label: "Remove Star", run: () => star(run, false) }
      : { label: "Star", run: () => star(run, true) },
    { label: "Rename…", run: () => rename(run) },
    { label: "Edit Notes…", run: () => host.post({ type: "edit", run, field: "notes" }) },
    { label: "Delete…", run: () => host.post({ type: "delete", runs: selected }) },
  ],
  rename,
  remove: (runs) => host.post({ type: "delete", runs }),
  changed: (settings) => {
    keep({ table: settings });
    drawAround();
  },
  scrolled: (settings) => keep({ table: settings }),
});
const saveFile = async (name: string, file: Blob) =>
  host.post({ type: "save-file", name, content: await file.arrayBuffer() });
const scatter = new Scatter((run) => host.post({ type: "show-run", run }), {
  save: saveFile,
  failed: (message) => host.post({ type: "failed", message }),
});

const filter = element("input", {
  type: "search",
  class: "text-input filter",
  placeholder: "Filter runs",
  "aria-label": "Filter runs",
});
filter.value = kept.table?.filter ?? "";
filter.addEventListener("input", () => {
  table.filter(filter.value);
  drawAround();
});
const count = element("span", { class: "hint", "aria-live": "polite" });
const compareCurves = button("Compare Curves", () => host.post({ type: "compare-curves", runs: selected }));
const compareImages = button("Compare Images", () => host.post({ type: "compare-images", runs: selected }));
const compareConfigurations = button("Compare Configurations", () => {
  const [one, other] = selected;
  if (one !== undefined && other !== undefined)
    host.post({ type: "compare-configurations", runs: [one, other] });
});
const plotButton = button("Scatter Plot", () => {
  keep({ scatter: !kept.scatter });
  drawAround();
});
const remove = button("Delete…", () => host.post({ type: "delete", runs: selected }));
const empty = element("p", { class: "hint" }, "No runs yet. Runs of the open folders appear here.");
document.body.classList.add("runs-page");
document.getElementById("page")?.append(
  element("h1", { class: "spoken" }, "Runs"),
  element(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Table" },
    filter,
    count,
    button("Columns…", chooseColumns),
    plotButton,
    button("Save CSV…", saveCsv),
    button("Add Folder…", () => host.post({ type: "add-folder" }), {
      label: "Add a folder with results of runs",
    }),
  ),
  element(
    "div",
    { class: "toolbar actions", role: "group", "aria-label": "Selected runs" },
    compareCurves,
    compareImages,
    compareConfigurations,
    remove,
  ),
  empty,
  scatter.element,
  table.element,
);
show(empty, false);
show(table.element, false);
const draw = oncePerFrame(() => {
  show(empty, rows.length === 0);
  show(table.element, rows.length > 0);
  const runs = rows.map((row): TableRun => ({ ...row, details: details.get(row.summary.id) }));
  table.show(runs, defaults);
  drawAround();
});
/** Draws the plot, counts and actions around the table. */
const drawAround = oncePerFrame(() => {
  const shown = table.shownRuns;
  const all = counted(rows.length, "run");
  setText(count, shown.length === rows.length ? all : `${shown.length} of ${all}`);
  const isPlotted = kept.scatter ?? false;
  // The toolkit's button does not read changes of the attribute.
  plotButton.ariaPressed = String(isPlotted);
  show(scatter.element, isPlotted);
  if (isPlotted) scatter.show(table.columns, shown);
  showActions();
});
drawAround();

function receive(message: ToTable): void {
  rows = message.rows ?? rows;
  for (const each of message.details) details.set(each.run, each);
  Object.assign(defaults, message.defaults);
  draw();
}

function showActions(): void {
  compareCurves.disabled = selected.length < 1 || selected.length > CURVE_COLORS;
  compareImages.disabled = selected.length < 2;
  compareConfigurations.disabled = selected.length !== 2;
  remove.disabled = selected.length === 0;
}

function keep(change: KeptState): void {
  kept = { ...kept, ...change };
  host.keep(kept);
}

function chooseColumns(): void {
  const boxes = table.columns.map(
    ({ id, title }) =>
      checkbox(title, table.isVisible(id), (visible) => table.setVisible(id, visible)).element,
  );
  const close = element("button", { class: "link", type: "button" }, "Close");
  const hint = element("p", { class: "hint" }, "The menu of a column's heading moves the column.");
  const dialog = element(
    "dialog",
    { class: "columns", "aria-label": "Columns" },
    element("h2", {}, "Columns"),
    element("div", { class: "column-list" }, ...boxes),
    hint,
    close,
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Saves the visible columns of the filtered rows, in their order. */
function saveCsv(): void {
  const columns = table.visibleColumns.filter(({ id }) => id !== "star");
  saveFile("runs.csv", new Blob([runsCsv(table.shownRuns, columns)], { type: "text/csv" }));
}
