/** BiaPy's own check of configurations. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { python } from "./python.ts";

/** Returns why BiaPy refuses each configuration; null for those that it accepts. */
export function biapysRefusals(texts: readonly string[]): (string | null)[] {
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, "acceptance-judge.py")], {
    input: JSON.stringify(texts),
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}
