/** The columns of the runs table: their content, sorting and export. */
import type { ColumnDef } from "@tanstack/table-core";
import Papa from "papaparse";
import { engineLabel } from "../../facts/engine-labels.ts";
import { duration, metricName, orderedMetrics, shortNumber } from "../../facts/format.ts";
import { runName } from "../../facts/run-titles.ts";
import type { RunRow, RunRowDetails } from "../../protocol/table-messages.ts";

/** A run as the table knows it. */
export interface TableRun extends RunRow {
  readonly details?: RunRowDetails;
}

/** A value of the table; undefined if a run has none. */
export type Cell = string | number | undefined;

/** A column of the runs table. */
export interface TableColumn {
  readonly id: string;
  readonly title: string;
  /** What a screen reader says in place of a symbol. Defaults to the title. */
  readonly spoken?: string;
  /** The value for sorting, filtering and CSV. */
  value(run: TableRun): Cell;
  /** The value as the table shows it. Defaults to the value. */
  text?(run: TableRun): string;
  readonly numeric?: boolean;
  /** Whether it stays in view while the others scroll sideways; `table.css` names it too. */
  readonly stays?: boolean;
}

const seconds = ({ summary, ended }: TableRun): number =>
  Math.max(0, ((ended ?? Date.now()) - summary.started) / 1000);

/** Returns the name that the user gave a run, or else its default name. */
export const titleOf = ({ summary, details }: TableRun): string => details?.notes.title || runName(summary);

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Created once: creating one takes longer than formatting a hundred dates. */
const moment = new Intl.DateTimeFormat([], { dateStyle: "short", timeStyle: "short" });

/** The name of a run. */
export const NAME: TableColumn = { id: "name", title: "Run", value: titleOf, stays: true };

const FIRST: readonly TableColumn[] = [
  {
    id: "star",
    title: "★",
    spoken: "Starred",
    value: ({ details }) => (details?.notes.starred ? 1 : 0),
    text: () => "",
    stays: true,
  },
  NAME,
  { id: "status", title: "Status", value: ({ summary }) => capitalized(summary.status) },
  {
    id: "started",
    title: "Started",
    value: ({ summary }) => new Date(summary.started).toISOString(),
    text: ({ summary }) => moment.format(summary.started),
  },
  { id: "duration", title: "Duration", value: seconds, text: (run) => duration(seconds(run)), numeric: true },
  { id: "engine", title: "Engine", value: ({ summary }) => engineLabel(summary.engine) },
  { id: "device", title: "Device", value: ({ details }) => details?.device },
  number("loss", "Best loss", ({ bestLoss }) => bestLoss),
];

const LAST: readonly TableColumn[] = [
  { id: "notes", title: "Notes", value: ({ details }) => details?.notes.notes },
];

function number(id: string, title: string, value: (run: TableRun) => number | undefined): TableColumn {
  return {
    id,
    title,
    value,
    text: (run) => {
      const found = value(run);
      return found === undefined ? "" : shortNumber(found);
    },
    numeric: true,
  };
}

/** All columns: the fixed ones, each test metric, and each key in which the runs differ. */
export function columnsOf(
  runs: readonly TableRun[],
  defaults: Readonly<Record<string, string>>,
): readonly TableColumn[] {
  const read = runs.flatMap(({ details }) => details ?? []);
  const metrics = orderedMetrics(read.flatMap(({ tests }) => Object.keys(tests)));
  const tests = metrics.map((metric) =>
    number(`test ${metric}`, `Test ${metricName(metric)}`, ({ details }) => details?.tests[metric]),
  );
  const keys = [...new Set(read.flatMap(({ keys }) => Object.keys(keys)))].sort();
  const differing = keys.filter(
    (key) => new Set(read.map(({ keys }) => keys[key] ?? defaults[key])).size > 1,
  );
  const keyColumns = differing.map((key): TableColumn => {
    const value = ({ details }: TableRun) => details && (details.keys[key] ?? defaults[key]);
    const numeric = read.every(({ keys }) => isNumber(keys[key] ?? defaults[key]));
    return {
      id: `key ${key}`,
      title: key,
      value: (run) => {
        const found = value(run);
        return numeric && found !== undefined ? Number(found) : found;
      },
      text: (run) => value(run) ?? "",
      numeric,
    };
  });
  return [...FIRST, ...tests, ...keyColumns, ...LAST];
}

const isNumber = (text: string | undefined): boolean =>
  text !== undefined && text.trim() !== "" && Number.isFinite(Number(text));

/** The text of a cell. */
export const cellText = ({ text, value }: TableColumn, run: TableRun): string =>
  text?.(run) ?? String(value(run) ?? "");

/** Returns the class of a column's cells. */
export function cellClass({ id, stays, numeric }: TableColumn): string {
  if (stays) return `${id}-cell`;
  return numeric ? "numeric" : "";
}

/** Converts a column for the table library. */
export const definitionOf = (column: TableColumn): ColumnDef<TableRun, Cell> => ({
  id: column.id,
  accessorFn: (run) => column.value(run),
  // The row caches its values.
  sortingFn: (one, other, id) => compare(one.getValue<Cell>(id), other.getValue<Cell>(id)),
  // Missing values come last in either sort order.
  sortUndefined: "last",
  sortDescFirst: false,
});

const collator = new Intl.Collator([], { numeric: true });

const compare = (one: Cell, other: Cell): number =>
  typeof one === "number" && typeof other === "number"
    ? one - other
    : collator.compare(String(one), String(other));

/** Returns the values of runs as CSV, a row each. */
export function runsCsv(runs: readonly TableRun[], columns: readonly TableColumn[]): string {
  const data = runs.map((run) => columns.map((column) => column.value(run) ?? ""));
  return `${Papa.unparse({ fields: columns.map(({ title }) => title), data }, { newline: "\n" })}\n`;
}
