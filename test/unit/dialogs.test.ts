/** Questions to the user: dialogs that ask for files, and lists. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askInOrder, choose, type StepEnd } from "../../src/extension/workspace/multi-step.ts";
import { pickImages } from "../../src/extension/workspace/pick-files.ts";
import { answers } from "../support/fake-vscode.ts";

const TEXTS = { title: "View Images", openLabel: "View" };

/** The dialog that a platform opens where the user picks a choice of the list; undefined if it opens none. */
async function dialogOf(
  platform: NodeJS.Platform,
  choice: number,
): Promise<readonly [files: unknown, folders: unknown] | undefined> {
  let opened: readonly [unknown, unknown] | undefined;
  answers.quickPick = (items) => items[choice];
  answers.openDialog = ({ canSelectFiles, canSelectFolders }) => {
    opened = [canSelectFiles, canSelectFolders];
    return undefined;
  };
  assert.deepEqual(await pickImages(TEXTS, platform), []);
  return opened;
}

// With both, VS Code's dialog selects folders only on Windows and Linux.
test("image files and folders can be chosen on every system", async () => {
  assert.deepEqual(await dialogOf("darwin", -1), [true, true]);
  for (const platform of ["linux", "win32"] as const) {
    assert.deepEqual(await dialogOf(platform, 0), [true, false]);
    assert.deepEqual(await dialogOf(platform, 1), [false, true]);
    assert.equal(await dialogOf(platform, -1), undefined);
  }
});

test("a list whose choices cannot be found ends with the error", async () => {
  const choices = Promise.reject(new Error("the disk is gone"));
  const question = { title: "T", placeholder: "P", step: 1, steps: 1, choices };
  await assert.rejects(choose(question), /the disk is gone/);
});

test("questions that are skipped are not counted", async () => {
  const shown: string[] = [];
  const answered = (end: StepEnd) => async (place: { step: number; steps: number }) => {
    if (end !== "skipped") shown.push(`${place.step}/${place.steps}`);
    return end;
  };
  const steps = (["answered", "skipped", "skipped", "answered"] as const).map(answered);
  assert.equal(await askInOrder(steps), true);
  assert.deepEqual(shown, ["1/4", "2/2"]);
});
