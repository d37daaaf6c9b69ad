// A reporter that writes how long each test file took, in seconds, a tab and its name a line.
import { relative } from "node:path";

export default async function* durations(events) {
  const spent = new Map();
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.nesting !== 0 || data.file === undefined) continue;
    spent.set(data.file, (spent.get(data.file) ?? 0) + data.details.duration_ms);
  }
  for (const [file, milliseconds] of spent)
    yield `${(milliseconds / 1000).toFixed(1)}\t${relative(".", file)}\n`;
}
