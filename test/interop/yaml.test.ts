/** Files are read as BiaPy reads them: tabs, anchors, numbers, dates, encodings, and what random changes make of a configuration. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { keyFacts } from "../../src/config/keys.ts";
import { Random } from "../../src/data/random.ts";
import { python, skip } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-yaml-"));
after(() => rmSync(folder, { recursive: true, force: true }));

type Values = Readonly<Record<string, unknown>>;

/** What an engine reads of a file: the values that differ from the defaults, or why it refuses it. */
type Read = { readonly values: Values } | { readonly refused: string };

/** @param texts one character for each byte */
function biapysReading(texts: readonly string[]): Read[] {
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, "yaml-judge.py")], {
    input: JSON.stringify(texts),
    encoding: "utf8",
    maxBuffer: 1e9,
  });
  assert.equal(status, 0, stderr.slice(-3000));
  return JSON.parse(stdout) as Read[];
}

function ourReading(text: string): Read {
  const file = join(folder, "job.yaml");
  writeFileSync(file, Buffer.from(text, "latin1"));
  const { config, problems } = loadConfig(file);
  // Numbers that only BiaPy refuses are warnings.
  const error = problems.find(
    ({ severity, message }) => severity === "error" || /BiaPy itself/.test(message),
  );
  if (error !== undefined) return { refused: error.message };
  const all = Object.fromEntries(flat(config.toObject()));
  return { values: all };
}

function flat(group: Values, prefix = ""): [string, unknown][] {
  return Object.entries(group).flatMap(([name, value]): [string, unknown][] => {
    const key = prefix + name;
    if (keyFacts.has(key)) return [[key, value]];
    return typeof value === "object" && value !== null ? flat({ ...value }, `${key}.`) : [];
  });
}

const utf8 = (text: string) => Buffer.from(text).toString("latin1");
/** A value of a key of each type. */
const FRACTION = (value: string) => `TRAIN:\n  W_DECAY: ${value}\n`;
const WHOLE = (value: string) => `TRAIN:\n  EPOCHS: ${value}\n`;
const FLAG = (value: string) => `TEST:\n  ENABLE: ${value}\n`;
const TEXT = (value: string) => `DATA:\n  TRAIN:\n    PATH: ${value}\n`;
const LIST = (value: string) => `DATA:\n  PATCH_SIZE: ${value}\n`;
const RATE = (value: string) => `TRAIN:\n  LR: ${value}\n`;

const SCALARS = [
  ...["1e-4", "1.e-4", "1.E-4", "1.0e-4", "1.0e4", "1e5", ".5", "-.5", "+.5", "5.", "0.", "1_000.5", "1_0"],
  ...["0o7", "0O17", "07", "08", "0x1F", "0X1f", "0b101", "0B1", "-0x1F", "1__0", "0_", "00", "_1", "+1"],
  ...[
    "1:30",
    "1:30.5",
    "-1:30",
    "01:30",
    "1:60",
    "60:00:00",
    "01:30.5",
    ".inf",
    "-.INF",
    ".nan",
    "inf",
    "nan",
  ],
  ...["yes", "no", "on", "OFF", "y", "n", "True", "'True'", '"False"', "TRUE", "tRue", "~", "null"],
  ...["''", '" 5 "', "'1e-4'", "2024-01-01", "'2024-01-01'", "2024-1-1", "2024-01-01 10:00:00", "="],
  ...[
    "!!float 1e-4",
    "!!float 3",
    "!!int 3",
    "!!int '3'",
    "!!str 3",
    "!!str a",
    "!!bool yes",
    "! 5",
    "! yes",
  ],
  ...["!!null x", "!!python/tuple [64, 64, 1]", "!!seq [64, 64, 1]", "!foo 3", "!!binary aGVsbG8="],
  ...["(64,64,1)", "64, 64, 1", "[64, 64, 1]", "(64,64,1", "(0x40, 0o100, 1)", "[64,64,1,]", "(64,)", "()"],
  ...[
    "|\n      a",
    ">-\n      (64,\n      64, 1)",
    "{}",
    "{a: 1}",
    "'{\"a\": 1}'",
    "a b",
    "a: b",
    "C:\\data",
    '"C:\\data"',
  ],
  ...[
    "a#b",
    "a #b",
    "@a",
    "`a",
    "%a",
    "&x a",
    "*x",
    "-a",
    "- a",
    "?a",
    ":a",
    "a:",
    "[a",
    "é",
    "a\tb",
    '"a\tb"',
  ],
];

const FILES: readonly string[] = [
  ...SCALARS.flatMap((value) => [FRACTION, WHOLE, FLAG, TEXT, LIST, RATE].map((make) => utf8(make(value)))),
  ...[
    "TRAIN:\n\tEPOCHS: 3\n",
    "TRAIN:\n\tEPOCHS: 3\n\tLR_SCHEDULER:\n\t\tNAME: onecycle\n",
    "TRAIN:\n\tEPOCHS: 3\n  LR_SCHEDULER:\n    NAME: onecycle\n",
    "TRAIN:\n\tEPOCHS: 3\n    PATIENCE: 3\n",
    "TRAIN:\t\n  EPOCHS:\t3\t# few\n",
    "TRAIN:\n  EPOCHS: 3\n---\nTEST:\n  ENABLE: True\n",
    "TRAIN:\n  EPOCHS: 3\n---\n",
    "TRAIN:\n  EPOCHS: 3\n...\n",
    "---\nTRAIN:\n  EPOCHS: 3\n...\n",
    "%YAML 1.1\n---\nTRAIN:\n  EPOCHS: 3\n",
    "%YAML 1.2\n---\nTRAIN:\n  EPOCHS: 3\n",
    "\ufeffTRAIN:\n  EPOCHS: 3\n",
    "TRAIN:\r\n  EPOCHS: 3\r\nTEST:\r\n  ENABLE: True\r\n",
    "TRAIN:\n  EPOCHS: 3\n  EPOCHS: 4\n",
    "TRAIN:\n  EPOCHS: 3\nTRAIN:\n  PATIENCE: 4\n",
    "TRAIN: &a {EPOCHS: 3}\nTEST: &a {ENABLE: True}\n",
    "DATA:\n  TRAIN: &a\n    PATH: a\n    IN_MEMORY: False\n  TEST:\n    <<: *a\n    PATH: b\n",
    "DATA:\n  TRAIN: &a {PATH: a}\n  VAL: &b {PATH: b}\n  TEST: {<<: [*a, *b]}\n",
    "DATA:\n  TRAIN: &a {PATH: a}\n  VAL: &b {PATH: b}\n  TEST: {<<: *a, <<: *b}\n",
    "DATA:\n  TRAIN: &a {PATH: a, PATH: c}\n  TEST: {<<: *a}\n",
    "DATA:\n  TRAIN: &a {PATH: a}\n  VAL: &b {<<: *a, PATH: b}\n  TEST: {<<: [*b, *a]}\n",
    "DATA:\n  TRAIN: &a {PATH: a}\n  VAL: &b {<<: *a, IN_MEMORY: False}\n  TEST: {<<: [*a, *b]}\n",
    "DATA:\n  TRAIN: {<<: *a}\n",
    "DATA:\n  TRAIN: &a.b {PATH: a}\n  TEST: *a.b\n",
    "DATA:\n  TRAIN: &a\n  TEST: *a\n",
    "TRAIN: {EPOCHS: 3, PATIENCE: 4,}\n",
    "TRAIN: {EPOCHS: 3,, PATIENCE: 4}\n",
    '"TRAIN": {"EPOCHS": 3}\n',
    '"TRAIN": {"EPOCHS":3}\n',
    "TRAIN: {EPOCHS:3}\n",
    "TRAIN :\n  EPOCHS : 3\n",
    "? TRAIN\n: EPOCHS: 3\n",
    "1: 2\n",
    "yes: 2\n",
    "- a\n",
    "a\n",
    "",
    "# nothing\n",
    "TRAIN:\n",
    "TRAIN:\n  EPOCHS: 3\n   PATIENCE: 4\n",
    "TRAIN:\n    EPOCHS: 3\n  PATIENCE: 4\n",

    'DATA:\n  TRAIN:\n    PATH: "a\nb"\n',
    "DATA:\n  TRAIN:\n    PATH: 'a\n  b''\n c'\n    IN_MEMORY: no\n",
    'DATA: {TRAIN: {PATH: "a\nb"}, TEST: {PATH: "c\n- d: e"}}\n',
    'DATA:\n  TRAIN:\n    PATH: "a\\\nb"\n',
    'DATA:\n  TRAIN:\n    PATH: "a\n# b"\n',
    'DATA:\n  TRAIN:\n    PATH: "a\n--- b"\n',
    'DATA:\n  TRAIN:\n    PATH: "a\n---"\n',
    'DATA:\n  "TRA\nIN": {PATH: a}\n',
    "DATA:\n  TRAIN:\n    PATH: |\n      'a\n  TEST:\n    PATH: \"it's\nb'\"\n",
    "TRAIN:\n  EPOCHS: 3 \u0007\n",
    "DATA:\n  TRAIN:\n    PATH: /µm\n",
    "TRAIN.EPOCHS: 3\n",
    "TRAIN: !!map {EPOCHS: 3}\n",
    "TRAIN: !!python/dict {EPOCHS: 3}\n",
  ].map(utf8),
  // Latin-1 and UTF-16.
  "DATA:\n  TRAIN:\n    PATH: /\xb5m\n",
  Buffer.from("\ufeffTRAIN:\n  EPOCHS: 3\n", "utf16le").toString("latin1"),
];

/** Unknown values, None, infinite numbers, and lists of other things than numbers: BiaPy reads them, and refuses or fails later. */
const CHECKED_LATER =
  /cannot be|is a (list|tuple), such as .*, not \(|, not (-?Infinity|NaN|None|-?\.\w+)\./i;

/** Where both read a file, the values; else who refuses it. */
function difference(ours: Read, theirs: Read): string | undefined {
  if ("refused" in ours)
    return "refused" in theirs || CHECKED_LATER.test(ours.refused)
      ? undefined
      : `ours alone refuses it: ${ours.refused}`;
  if ("refused" in theirs) return `BiaPy alone refuses it: ${theirs.refused}`;
  const [one, other] = [ours.values, theirs.values].map((values) =>
    // BiaPy writes single names as lists.
    JSON.stringify(
      Object.entries(values)
        .map(([key, value]) => [key, [value].flat()] as const)
        .filter(
          ([key, value]) => JSON.stringify(value) !== JSON.stringify([keyFacts.get(key)?.default].flat()),
        )
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    ),
  );
  return one === other ? undefined : `ours ${one}, BiaPy's ${other}`;
}

function differences(texts: readonly string[]): string[] {
  const theirs = biapysReading(texts);
  return texts.flatMap((text, index) => {
    const found = difference(ourReading(text), theirs[index]);
    return found === undefined ? [] : [`${JSON.stringify(text)}: ${found}`];
  });
}

test("unusual notations are read as BiaPy reads them", { skip }, () => {
  assert.deepEqual(differences(FILES), []);
});

const BASE = `# a configuration
PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: 2D
DATA:
  PATCH_SIZE: (64,64,1)
  TRAIN: &images
    PATH: "images"   # here
    IN_MEMORY: no
  TEST:
    <<: *images
    PATH: 'other images'
    OVERLAP: (0.25, 0.5)
AUGMENTOR: {ENABLE: True, RANDOM_ROT: yes,
  VFLIP: on, AUG_NUM_SAMPLES: 0x0A}
MODEL:
    ARCHITECTURE: unet
    FEATURE_MAPS: [16, 32, 64]
    DROPOUT_VALUES:
    - 0.1
    - 0.1
    - 0.1
TRAIN:
  LR: [1.E-4]
  W_DECAY: 1e-4
  EPOCHS: 1_0
  OPTIMIZER: ADAMW
`;

const PIECES = [
  ...["\t", " ", "  ", ":", ": ", "- ", "#", " #", "'", '"', "[", "]", "{", "}", ",", "(", ")"],
  ...["&b ", "*images", "*b", "<<: *images", "!!str ", "!!float ", "!", "|", "> ", "%", "@", "?", "? "],
  ...["~", "yes", "1e-4", "1_000", "0o7", "0x1F", "1:30", ".5", "5.", "-.5", "2024-01-01", "null", "\\"],
  ...["é", "\u0007", "None", "True"],
];

function mutated(random: Random): string {
  let text = BASE;
  for (let count = 1 + random.integer(3); count > 0; count--) {
    const at = random.integer(text.length);
    const piece = random.uniform() < 0.75 ? PIECES[random.integer(PIECES.length)] : "";
    text = text.slice(0, at) + piece + text.slice(at + random.integer(random.uniform() < 0.5 ? 1 : 4));
  }
  return utf8(text);
}

/** How many changed files are tried, and from which seed. */
const COUNT = Number(process.env.RANDOM_FILES ?? 500);
const SEED = Number(process.env.RANDOM_SEED ?? 1);

test(`${COUNT} files with random changes are read as BiaPy reads them`, { skip }, () => {
  const random = new Random(SEED);
  assert.deepEqual(differences(Array.from({ length: COUNT }, () => mutated(random))), []);
});
