import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv } from "ajv";
import { load } from "js-yaml";
import { loadConfig } from "../../src/config/config.ts";
import { keyDescriptions } from "../../src/config/descriptions.ts";
import { keyNamesText } from "../../src/config/key-names-text.ts";
import { keyFacts, keyGroups } from "../../src/config/keys.ts";
import { written } from "../../src/config/python-value.ts";
import { configurationSchema } from "../../src/config/schema.ts";

const committed: unknown = JSON.parse(readFileSync("schemas/biapy-config.schema.json", "utf8"));
const validate = new Ajv({ strict: false, allErrors: true }).compile(committed as object);
const faults = (yaml: string) =>
  validate(load(yaml)) ? [] : [...new Set((validate.errors ?? []).map(({ instancePath }) => instancePath))];

/** A file that sets one key. */
const file = (key: string, value: string) =>
  `${key
    .split(".")
    .map((name, depth) => `${" ".repeat(2 * depth)}${name}:`)
    .join("\n")} ${value}\n`;

test("the committed schema is what the key table gives (npm run schema)", () => {
  assert.deepEqual(committed, JSON.parse(JSON.stringify(configurationSchema())));
});

test("the committed names of keys are those of the key table (npm run schema)", () => {
  assert.equal(readFileSync("src/config/key-names.ts", "utf8"), keyNamesText());
});

test("every key and every section has a description that ends as a sentence", () => {
  for (const key of [...keyFacts.keys(), ...keyGroups]) {
    const text = keyDescriptions.get(key);
    assert.ok(text !== undefined && text.length > 8 && text.endsWith("."), `${key}: ${text}`);
  }
  assert.equal(keyDescriptions.size, keyFacts.size + keyGroups.size);
});

test("all templates are valid", () => {
  for (const name of readdirSync("templates").filter((each) => each.endsWith(".yaml")))
    assert.deepEqual(faults(readFileSync(join("templates", name), "utf8")), [], name);
});

test("every default is valid as a file would write it, by the schema and by the command line", () => {
  for (const [key, fact] of keyFacts) {
    const list = Array.isArray(fact.default) && (fact.type === "list" || fact.default.length === 0);
    const text = list ? JSON.stringify(fact.default) : written(fact.default);
    assert.deepEqual(faults(file(key, text)), [], key);
    // `50` for 50.0 is answered with a warning: BiaPy itself refuses it.
    const { problems } = loadConfig("a.yaml", file(key, text));
    assert.deepEqual(
      problems.filter(({ severity }) => severity === "error"),
      [],
      key,
    );
  }
});

test("values as BiaPy writes them are valid", () => {
  for (const [key, value] of [
    ["DATA.PATCH_SIZE", "(256,256,1)"],
    ["DATA.PATCH_SIZE", "(256, 256, 1)"],
    ["DATA.PATCH_SIZE", "[16, 64, 64, 1]"],
    ["TRAIN.ENABLE", "True"],
    ["TRAIN.ENABLE", "'False'"],
    ["TRAIN.LR", "1.E-4"],
    ["TRAIN.W_DECAY", "1.E-4"],
    ["TRAIN.LR", "[1.E-4]"],
    ["TRAIN.OPTIMIZER", "ADAMW"],
    ["TRAIN.LR_SCHEDULER.MIN_LR", "[1.E-5]"],
    ["DATA.PREPROCESS.CLAHE.KERNEL_SIZE", "None"],
    ["MODEL.ARCHITECTURE", "MAE"],
    ["MODEL.ARCHITECTURE", "resunet++"],
    ["PATHS.CHECKPOINT_FILE", ""],
    ["MODEL.Z_DOWN", "[1,1,2]"],
  ])
    assert.deepEqual(faults(file(key, value)), [], `${key}: ${value}`);
});

test("faults are found at their keys", () => {
  assert.deepEqual(faults("TRAIN:\n  EPOCH: 3\n"), ["/TRAIN"]);
  assert.deepEqual(faults("TRANE:\n  EPOCHS: 3\n"), [""]);
  for (const [key, value] of [
    ["TRAIN.EPOCHS", "many"],
    ["TRAIN.EPOCHS", "1.5"],
    ["TRAIN.EPOCHS", "0"],
    ["TRAIN.ENABLE", "maybe"],
    ["DATA.PATCH_SIZE", "256"],
    ["DATA.PATCH_SIZE", "[0, 64, 1]"],
    ["DATA.VAL.SPLIT_TRAIN", "1.5"],
    ["MODEL.MAE_MASK_RATIO", "1"],
    ["MODEL.MAE_MASK_TYPE", "checkerboard"],
    ["MODEL.ARCHITECTURE", "mea"],
    ["TRAIN.OPTIMIZER", "[ADAMM]"],
    ["TRAIN", "5"],
  ])
    assert.ok(faults(file(key, value))[0]?.startsWith(`/${key.replaceAll(".", "/")}`), `${key}: ${value}`);
});
