/** Every template trains and tests for an epoch on a part of one sample image. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { samples } from "../support/command.ts";
import { epochsOf, run } from "../support/in-process.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const templates = new URL("../../templates/", import.meta.url);

/** Keys of folders, and the folder of sample images that each template names there. */
const FOLDERS = ["DATA.TRAIN.PATH", "DATA.TRAIN.GT_PATH", "DATA.TEST.PATH", "DATA.TEST.GT_PATH"] as const;

/** The end of the parts `[z, y, x]`: a few patches of any template. */
const END = { "2d": [1, 96, 96], "3d": [20, 61, 24] } as const;

/** Copies a part of the first image in a folder of the samples. Returns the copy's folder. */
async function onePart(path: string): Promise<string> {
  const name = path.replace(/^media\/samples\//, "");
  const [first = ""] = (await readdir(samples(name))).sort();
  const part = await samplePart(`${name}/${first}`, END[name.startsWith("3d") ? "3d" : "2d"]);
  await writePart(join(folder, name, first), part);
  return join(folder, name);
}

for (const [number, name] of (await readdir(templates)).filter((each) => each.endsWith(".yaml")).entries())
  test(`${name} trains and tests`, async () => {
    const text = readFileSync(new URL(name, templates), "utf8");
    const { config } = loadConfig(name, text);
    const few: Record<string, string> = { "TRAIN.EPOCHS": "1", "SYSTEM.SEED": "1" };
    if (config.sets("TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS"))
      few["TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS"] = "0";
    for (const key of FOLDERS) if (config.sets(key)) few[key] = await onePart(config.text(key));
    for (const key of ["DATA.TRAIN.SSL_SOURCE_DIR", "DATA.TEST.SSL_SOURCE_DIR"] as const)
      if (config.sets(key)) few[key] = join(folder, "worse", name, basename(config.text(key)));
    const finished = await run(folder, number + 1, withSettings(text, few));
    assert.equal(finished.status, "finished");
    const [{ train }] = epochsOf(finished);
    assert.ok(Object.values(train).every(Number.isFinite), JSON.stringify(train));
    assert.ok(existsSync(finished.tree.bestCheckpoint));
    assert.equal((await readdir(finished.tree.perImage)).length, 1);
  });
