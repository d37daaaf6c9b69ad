/** What went wrong, and with what. */
export interface Fault {
  readonly subject: string;
  readonly message: string;
}

/** A Markdown table of what was tried, and how often. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
