/** Every template trains and tests on the sample images: an epoch, on few of them. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { samples } from "./command.ts";
import { epochsOf, run } from "./in-process.ts";

const folder = await mkdtemp(join(tmpdir(), "templates-"));
const templates = new URL("../../templates/", import.meta.url);

/** Keys of folders, and the folder of sample images that each template names there. */
const FOLDERS = ["DATA.TRAIN.PATH", "DATA.TRAIN.GT_PATH", "DATA.TEST.PATH", "DATA.TEST.GT_PATH"] as const;

/** Copies the first image of the samples that a key names, and its mask. */
async function fewImages(path: string): Promise<string> {
  const name = path.replace(/^media\/samples\//, "");
  const [first = ""] = (await readdir(samples(name))).sort();
  await cp(join(samples(name), first), join(folder, name, first));
  return join(folder, name);
}

for (const [number, name] of (await readdir(templates)).filter((each) => each.endsWith(".yaml")).entries())
  test(`${name} trains and tests`, async () => {
    const text = readFileSync(new URL(name, templates), "utf8");
    const { config } = loadConfig(name, text);
    const few: Record<string, string> = { "TRAIN.EPOCHS": "1", "SYSTEM.SEED": "1" };
    if (config.sets("TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS"))
      few["TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS"] = "0";
    for (const key of FOLDERS) if (config.sets(key)) few[key] = await fewImages(config.text(key));
    for (const key of ["DATA.TRAIN.SSL_SOURCE_DIR", "DATA.TEST.SSL_SOURCE_DIR"] as const)
      if (config.sets(key)) few[key] = join(folder, "worse", name, basename(config.text(key)));
    const finished = await run(folder, number + 1, withSettings(text, few));
    assert.equal(finished.status, "finished");
    const [{ train }] = epochsOf(finished);
    assert.ok(Object.values(train).every(Number.isFinite), JSON.stringify(train));
    assert.ok(existsSync(finished.tree.bestCheckpoint));
    assert.equal((await readdir(finished.tree.perImage)).length, 1);
  });
