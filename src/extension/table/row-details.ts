/** Reads the details that the runs table shows from a run's files. Does not use `vscode`. */
import { changedKeys } from "../../config/changed-keys.ts";
import { openRegularFile, readText } from "../../facts/files/regular-file.ts";
import { resultTree } from "../../facts/result-tree.ts";
import { type Metrics, parseRunEvent, type RunEvent } from "../../facts/run-events.ts";
import type { RunRowDetails } from "../../protocol/table-messages.ts";
import { meanTestMetrics } from "../../results/test-metrics.ts";
import { type RunPlace, recordFilesOf } from "../../runs/record.ts";
import { readNotes } from "../../runs/run-notes.ts";

/** Largest table of metrics that is read, in bytes. */
const MOST_TABLE_BYTES = 1 << 24;
/** Bytes read at the beginning of a run's events (device) and at their end (test results). */
const HEAD = 64 * 1024;
const TAIL = 128 * 1024;

/** A run's details, and the defaults of the keys that it changes. */
export interface ReadDetails {
  readonly details: RunRowDetails;
  readonly defaults: Readonly<Record<string, string>>;
}

/**
 * Reads a run's details. What cannot be read is left out.
 *
 * @param configuration the run's configuration file, if it still exists
 */
export async function readRowDetails(
  place: RunPlace,
  configuration: string | undefined,
): Promise<ReadDetails> {
  const { runDirectory: run, testMetrics } = resultTree(place.resultDirectory, place.name, place.runId);
  const [notes, { head, tail }] = await Promise.all([readNotes(place), endsOf(recordFilesOf(place).events)]);
  const start = head.find((event) => event.event === "start");
  const test = tail.findLast((event) => event.event === "test" && event.image === undefined);
  const tests = test?.event === "test" ? test.metrics : await meansOf(testMetrics);
  const changed = (configuration === undefined ? undefined : changedKeys(configuration)) ?? [];
  return {
    details: {
      run,
      notes,
      ...(start?.event === "start" ? { device: start.device } : {}),
      tests,
      keys: Object.fromEntries(changed.map(({ key, value }) => [key, value])),
    },
    defaults: Object.fromEntries(changed.map(({ key, defaultValue }) => [key, defaultValue])),
  };
}

/** Returns the start and test events in the first and last bytes of a file; truncated lines are skipped. None if it cannot be read. */
async function endsOf(path: string): Promise<{ head: RunEvent[]; tail: RunEvent[] }> {
  const handle = await openRegularFile(path).catch(() => undefined);
  if (handle === undefined) return { head: [], tail: [] };
  try {
    const { size } = await handle.stat();
    const part = async (from: number, length: number): Promise<RunEvent[]> => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
      const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
      return lines.flatMap((line) =>
        /"event":"(start|test)"/.test(line) ? (parseRunEvent(line) ?? []) : [],
      );
    };
    const length = Math.min(size, TAIL);
    return { head: await part(0, Math.min(size, HEAD)), tail: await part(size - length, length) };
  } finally {
    await handle.close();
  }
}

/** Returns the means over the test images; none if there is no table of them. */
async function meansOf(table: string): Promise<Metrics> {
  const text = await readText(table, MOST_TABLE_BYTES).catch(() => undefined);
  return meanTestMetrics(text ?? "");
}
