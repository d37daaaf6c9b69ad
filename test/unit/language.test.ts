import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, normalize, relative, resolve } from "node:path";
import { test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { describeMemory, estimateMemory } from "../../src/config/memory-estimate.ts";
import { nearestFolder } from "../../src/config/nearest-folder.ts";
import { keyProposals } from "../../src/extension/language/completion-items.ts";
import { describeContent } from "../../src/extension/language/folder-content.ts";
import { folderOffers, masksBeside, testBeside } from "../../src/extension/language/folder-offers.ts";
import { checkImages } from "../../src/extension/language/image-checks.ts";
import { folderContent, imageFolders } from "../../src/extension/language/image-folders.ts";
import { insertionOf, keyLines } from "../../src/extension/language/key-lines.ts";
import {
  architecturesFor,
  configurationText,
  proposedPatch,
  shortestPath,
} from "../../src/extension/language/new-configuration.ts";
import { problemFixes, problemRange, type TextFix } from "../../src/extension/language/problem-fixes.ts";
import { keySortText, usualKeys } from "../../src/extension/language/usual-keys.ts";
import { rankValues } from "../../src/extension/language/value-ranks.ts";
import { isBiapyConfiguration } from "../../src/extension/workspace/recognize.ts";

/** The text after a fix, as an editor applies it: from the end, so that places stay right. */
function apply(text: string, { edits }: TextFix): string {
  const lines = text.split("\n");
  const offset = (line: number, column: number) =>
    lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0) + column;
  return [...edits]
    .sort((a, b) => b.range.startLine - a.range.startLine)
    .reduce(
      (result, { range, text: replacement }) =>
        result.slice(0, offset(range.startLine, range.startColumn)) +
        replacement +
        result.slice(offset(range.endLine, range.endColumn)),
      text,
    );
}

/** The first fix of the first problem, applied. */
function mended(text: string): string {
  const { config, problems } = loadConfig("a.yaml", text);
  const all = [...problems, ...checkConfig(config)].filter(({ suggestion }) => suggestion !== undefined);
  return apply(text, problemFixes(text, all[0])[0]);
}

/** What a problem's range covers. */
function underlined(text: string): string[] {
  const { config, problems } = loadConfig("a.yaml", text);
  const all = problems.length > 0 ? problems : checkConfig(config);
  return all.map((problem) => {
    const { startLine, startColumn, endColumn } = problemRange(text, problem);
    return text.split("\n")[startLine].slice(startColumn, endColumn);
  });
}

test("configurations are recognized by PROBLEM.TYPE, other YAML is left alone", () => {
  assert.ok(isBiapyConfiguration("PROBLEM:\n    TYPE: SELF_SUPERVISED\n"));
  assert.ok(
    isBiapyConfiguration(
      "# mine\nDATA:\n  PATCH_SIZE: (1,1,1)\n\nPROBLEM: # what\n\n  # kind\n  NDIM: 2D\r\n  TYPE: DENOISING",
    ),
  );
  assert.ok(!isBiapyConfiguration("PROBLEM: none\nTYPE: x\n"));
  assert.ok(!isBiapyConfiguration("PROBLEM:\n  NDIM: 2D\nOTHER:\n  TYPE: x\n"));
  assert.ok(!isBiapyConfiguration("services:\n  web:\n    PROBLEM:\n      TYPE: x\n"));
});

test("keys, values and comments of a line are distinguished", () => {
  const text = `DATA: # images\n  PATCH_SIZE: (64,64,1)   # small\n  TRAIN:\n    PATH: 'my # folder'\n    GT_PATH:\n  VAL:\n    PATH: "x"\n`;
  const found = keyLines(text).map(({ key, line, valueStart, valueEnd }) => [
    key,
    text.split("\n")[line].slice(valueStart, valueEnd),
  ]);
  assert.deepEqual(found, [
    ["DATA", ""],
    ["DATA.PATCH_SIZE", "(64,64,1)"],
    ["DATA.TRAIN", ""],
    ["DATA.TRAIN.PATH", "'my # folder'"],
    ["DATA.TRAIN.GT_PATH", ""],
    ["DATA.VAL", ""],
    ["DATA.VAL.PATH", '"x"'],
  ]);
});

test("a misspelt key is underlined and changed", () => {
  const text = "PROBLEM:\n    TYPE: SELF_SUPERVISED\nDATTA:\n    PATCH_SIZE: (64,64,1)\n";
  assert.deepEqual(underlined(text), ["DATTA"]);
  assert.equal(mended(text), text.replace("DATTA", "DATA"));
});

test("a wrong value is underlined and changed to the likeliest one, its comment kept", () => {
  const text = "MODEL:\n  MAE_MASK_TYPE: rando # how\n";
  assert.deepEqual(underlined(text), ["rando"]);
  assert.equal(mended(text), "MODEL:\n  MAE_MASK_TYPE: random # how\n");
});

test("a key in the wrong section is moved with its value", () => {
  const text = "DATA:\n  PATCH_SIZE: (64,64,1)\n  TRAIN_PATH: images\n  TEST:\n    PATH: b\n";
  assert.equal(
    mended(text),
    "DATA:\n  PATCH_SIZE: (64,64,1)\n  TEST:\n    PATH: b\n  TRAIN:\n    PATH: images\n",
  );
});

test("a key that others demand is added where it belongs", () => {
  const text = "PROBLEM:\n  TYPE: SELF_SUPERVISED\n  SELF_SUPERVISED:\n    PRETEXT_TASK: masking\n";
  assert.equal(mended(text), `${text.trimEnd()}\nMODEL:\n  ARCHITECTURE: mae\n`);
});

test("a contradiction is underlined at the value and mended", () => {
  const text =
    "PROBLEM:\n  TYPE: SELF_SUPERVISED\nMODEL:\n  ARCHITECTURE: mae\nDATA:\n  PATCH_SIZE: (60,64,1)\n";
  assert.deepEqual(underlined(text), ["(60,64,1)"]);
  assert.equal(mended(text), text.replace("(60,64,1)", "(64,64,1)"));
});

test("a fix of a section that occurs twice changes the one that takes effect", () => {
  const first =
    "MODEL:\n  ARCHITECTURE: unet\n  MAE_MASK_TYPE: random\nDATA:\n  TRAIN:\n    IN_MEMORY: True\n";
  const text = `${first}MODEL:\n  ARCHITECTURE: maee\nDATA:\n  PATCH_SIZE: (64,64,1)\n`;
  const fixed = (key: string, suggestion: string) =>
    problemFixes(text, { severity: "error", message: "", key, suggestion }).map((fix) => apply(text, fix));
  assert.deepEqual(fixed("MODEL.ARCHITECTURE", "mae"), [text.replace("maee", "mae")]);
  assert.deepEqual(fixed("MODEL.MAE_MASK_TYPE", "grid"), [
    text.replace("maee", "maee\n  MAE_MASK_TYPE: grid"),
  ]);
  assert.deepEqual(fixed("DATA.TRAIN.PATH", "a"), [`${text}  TRAIN:\n    PATH: a\n`]);
});

test("a repeated key is underlined at its second place", () => {
  const text = "TRAIN:\n  EPOCHS: 3\n  EPOCHS: 4\n";
  const [problem] = loadConfig("a.yaml", text).problems;
  assert.deepEqual(problemRange(text, problem), { startLine: 2, startColumn: 2, endLine: 2, endColumn: 8 });
});

test("every fix of an unknown key leaves a file that loads", () => {
  for (const text of [
    "TRAIN:\n  EPOCH: 3\n",
    "PROBLEM:\n  NDIMS: 3D\n",
    "MODLE:\n  ARCHITECTURE: mae\n",
    "PROBLEM:\n  DENOISING:\n    2NV_PERC_PIX: 0.2\n",
  ])
    assert.deepEqual(loadConfig("a.yaml", mended(text)).problems, []);
});

const proposal = (text: string, line: number, column: number, key: string) =>
  keyProposals(text, line, column).find((each) => each.key === key);

test("a full key is offered anywhere and brings the sections that are missing", () => {
  assert.deepEqual(proposal("PATH", 0, 4, "DATA.TRAIN.PATH"), {
    key: "DATA.TRAIN.PATH",
    start: 0,
    lines: ["DATA:", "    TRAIN:", "        PATH: "],
    rank: 1,
  });
  const inSection = proposal("DATA:\n  TRA\n", 1, 5, "DATA.TRAIN.PATH");
  assert.deepEqual(inSection?.lines, ["TRAIN:", "    PATH: "]);
});

test("keys of workflows and networks that only BiaPy itself trains are offered last", () => {
  const rank = (key: string) => proposal("N", 0, 1, key)?.rank ?? 0;
  const own = ["PROBLEM.DENOISING.N2V_PERC_PIX", "MODEL.HRNET.VARIANT", "MODEL.STUNET.VARIANT"].map(rank);
  const others = ["PROBLEM.INSTANCE_SEG.TYPE", "MODEL.NAFNET.GENERATOR_BACKBONE"].map(rank);
  assert.ok(Math.max(...own) < Math.min(...others), `${own} < ${others}`);
});

test("keys that the YAML server offers, or that are set, are not offered again", () => {
  const text = "DATA:\n  PATCH_SIZE: (64,64,1)\n  \n";
  assert.equal(proposal(text, 2, 2, "DATA.N_CLASSES"), undefined);
  assert.equal(proposal(text, 2, 2, "DATA.PATCH_SIZE"), undefined);
  assert.deepEqual(keyProposals("DATA:\n  PATCH_SIZE: (6", 1, 17), []);
});

test("a key of a section elsewhere is written there", () => {
  const text = "DATA:\n  TRAIN:\n    PATH: a\n\nMODEL:\n  ARCHITECTURE: mae\nOVER\n";
  const offered = proposal(text, 6, 4, "DATA.TRAIN.OVERLAP");
  assert.ok(offered !== undefined && offered.lines === undefined);
  assert.deepEqual(insertionOf(text.replace("OVER", ""), "DATA.TRAIN.OVERLAP", ""), {
    afterLine: 2,
    lines: ["    OVERLAP: "],
  });
  const tabs = "DATA:\n\tTRAIN:\n\t\tPATH: a\n  TEST:\n    PATH: b\n";
  assert.deepEqual(
    keyLines(tabs).map(({ key }) => key),
    ["DATA", "DATA.TRAIN", "DATA.TRAIN.PATH", "DATA.TEST", "DATA.TEST.PATH"],
  );
  assert.deepEqual(insertionOf(tabs, "DATA.TRAIN.OVERLAP", "(0,0)"), {
    afterLine: 2,
    lines: ["    OVERLAP: (0,0)"],
  });
  assert.deepEqual(insertionOf(text, "TRAIN.EPOCHS", "3"), {
    afterLine: 6,
    lines: ["TRAIN:", "  EPOCHS: 3"],
  });
});

const SAMPLES = "media/samples/2d/train";

/** A configuration of the sample images with one line changed. */
const withImages = (patch: string, more = "", path = SAMPLES, ndim = "2D") =>
  loadConfig(
    "a.yaml",
    `PROBLEM:\n  TYPE: SELF_SUPERVISED\n  NDIM: ${ndim}\nDATA:\n  PATCH_SIZE: ${patch}\n${more}  TRAIN:\n    PATH: ${path}\nTRAIN:\n  ENABLE: True\n`,
  ).config;

test("images are opened, and their problems reported at the folder's key", async () => {
  const found = async (...args: Parameters<typeof withImages>) =>
    (await checkImages(withImages(...args), process.cwd(), true)).map(({ key, line, message }) => [
      key,
      line,
      message,
    ]);
  assert.deepEqual(await found("(64,64,1)"), []);
  const [[key, line, message]] = await found("(64,64,3)");
  assert.deepEqual([key, line], ["DATA.TRAIN.PATH", 7]);
  assert.match(String(message), /has 1 channel.*PATCH_SIZE says 3.*\n.*more images have faults/s);
  assert.match(
    String((await found("(8192,64,1)", "  REFLECT_TO_COMPLETE_SHAPE: False\n"))[0][2]),
    /smaller than a patch/,
  );
  assert.match(String((await found("(16,64,64,1)", "", SAMPLES, "3D"))[0][2]), /single plane/);
  assert.deepEqual(await found("(64,64,1)", "", "not/there"), []);
});

test("test images are not opened if parts of the training images are tested in their place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "biapy-language-"));
  const problems = async (usesValidation: string) => {
    const { config } = loadConfig(
      "a.yaml",
      `PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (64,64,1)
  TRAIN: {PATH: ${resolve(SAMPLES)}}
  VAL: {CROSS_VAL: True}
  TEST: {PATH: ${folder}, USE_VAL_AS_TEST: ${usesValidation}}
TRAIN: {ENABLE: True}
TEST: {ENABLE: True}
`,
    );
    return (await checkImages(config, folder, true)).map(({ key }) => key);
  };
  assert.deepEqual(await problems("False"), ["DATA.TEST.PATH"]);
  assert.deepEqual(await problems("True"), []);
});

test("empty folders and folders with too few patches are found, relative to the workspace", async () => {
  const folder = mkdtempSync(join(tmpdir(), "biapy-language-"));
  mkdirSync(join(folder, "none"));
  mkdirSync(join(folder, "text"));
  writeFileSync(join(folder, "text", "notes.txt"), "");
  const found = async (path: string) =>
    (await checkImages(withImages("(64,64,1)", "", path), folder, true))[0]?.message;
  assert.match(await found("none"), /no .*images.*empty/);
  assert.match(await found("text"), /no .*images.*notes\.txt/);
  assert.equal(await found("elsewhere"), undefined);
});

test("the memory estimate is within a tenth of measured values", () => {
  const estimate = (model: string) =>
    estimateMemory(
      loadConfig(
        "a",
        `DATA:\n  PATCH_SIZE: (128,128,1)\nTRAIN:\n  BATCH_SIZE: 4\nMODEL:\n  ARCHITECTURE: mae\n${model}`,
      ).config,
    );
  // Measured peak memory of the default and of a smaller network, in MB.
  const close = (bytes: number | undefined, megabytes: number) =>
    assert.ok(
      bytes !== undefined && Math.abs(bytes / 1e6 / megabytes - 1) < 0.1,
      `${bytes} for ${megabytes} MB`,
    );
  close(estimate("")?.totalBytes, 2281);
  close(estimate("  VIT_EMBED_DIM: 384\n  VIT_NUM_LAYERS: 6\n  VIT_NUM_HEADS: 6\n")?.totalBytes, 953);
  assert.equal(estimate("  VIT_TOKEN_SIZE: 7\n"), undefined);
  const found = estimate("");
  assert.ok(found !== undefined);
  assert.match(describeMemory(found, 4), /about 2\.3 GB.*estimate.*64 tokens a patch, 32 of them visible/s);
});

test("a new configuration has no problems, whatever was chosen", () => {
  for (const ndim of [2, 3] as const)
    for (const workflow of ["masking", "crappify", "denoising", "segmentation"] as const)
      for (const architecture of architecturesFor(workflow, ndim))
        for (const folder of ["data/train", "C:/My Images #1/it's", "/with: colon", "1", "None", "(a)"]) {
          const choices = {
            ...{ ndim, workflow, architecture, channels: 3, patch: proposedPatch(ndim) },
            ...{ trainFolder: folder, testFolder: folder, trainMasks: folder, testMasks: folder },
          };
          const text = configurationText(choices);
          const { config, problems } = loadConfig("a.yaml", text);
          assert.deepEqual(problems, [], text);
          assert.equal(normalize(config.text("DATA.TRAIN.PATH")), normalize(folder));
          assert.equal(config.numbers("DATA.PATCH_SIZE").length, ndim + 1);
          const contradictions = checkConfig(config).filter(
            ({ message, severity }) => severity === "error" && !/does not exist/.test(message),
          );
          assert.deepEqual(contradictions, [], text);
          assert.ok(isBiapyConfiguration(text));
        }
});

test("the proposed patch fits into small images", () => {
  assert.deepEqual(proposedPatch(2), [64, 64]);
  assert.deepEqual(proposedPatch(2, [1, 300, 50, 1]), [64, 48]);
  assert.deepEqual(proposedPatch(3, [12, 100, 100, 1]), [8, 32, 32]);
  assert.deepEqual(proposedPatch(3, [3, 100, 20, 1]), [8, 32, 16]);
});

test("folders of images are found, with what is in them; results and packages are not", async (t) => {
  const base = mkdtempSync(join(tmpdir(), "biapy-folders-"));
  t.after(() => rmSync(base, { recursive: true }));
  const samples = join("media", "samples");
  cpSync(samples, join(base, "cells"), { recursive: true });
  cpSync(join(samples, "2d/test"), join(base, "results/job/results/job_1/per_image"), { recursive: true });
  mkdirSync(join(base, "results/job/config_files"));
  cpSync(join(samples, "2d/test"), join(base, "node_modules/images"), { recursive: true });
  const found = await imageFolders(base);
  const shown = found.map(({ path }) => relative(base, path).replaceAll("\\", "/"));
  assert.deepEqual(
    shown.filter((path) => !path.endsWith("-masks")),
    ["cells/2d/test", "cells/2d/train", "cells/3d/test", "cells/3d/train"],
  );
  const content = await folderContent(found[0].path);
  assert.ok(content !== undefined);
  assert.match(describeContent(content), /^\d+ images, \d+ × \d+, uint(8|16)$/);
  assert.equal(await folderContent(join(base, "results")), undefined);
});

test("masks are offered first as masks, and folders below train as training images", () => {
  const folder = (place: string) => ({ path: join("/w", place), place: normalize(place), count: 1 });
  const others = Array.from({ length: 40 }, (_, index) => folder(`many/${index}`));
  const [images, test, masks] = ["train/x", "test/x", "test/x-masks"].map(folder);
  const all = [...others, masks, test, images];
  const offered = (...[of, proposed]: ["images" | "masks", string?]) => folderOffers(all, of, proposed);
  assert.deepEqual(offered("images").slice(0, 2), [images, others[0]]);
  assert.deepEqual(offered("masks").slice(0, 1), [masks]);
  assert.deepEqual(offered("images", test.path).slice(0, 2), [test, images]);
  assert.equal(masksBeside(test.path, all), masks.path);
  assert.equal(
    testBeside(folder("many/train").path, [...all, folder("many/test")]),
    folder("many/test").path,
  );
});

test("a folder of different images is described by ranges", async (t) => {
  const base = mkdtempSync(join(tmpdir(), "biapy-mixed-"));
  t.after(() => rmSync(base, { recursive: true }));
  cpSync(join("media", "samples", "2d/train/nuclei-01.tif"), join(base, "gray.tif"));
  cpSync(join("test", "fixtures", "images", "rgb.tif"), join(base, "rgb.tif"));
  writeFileSync(join(base, "broken.tif"), "no image");
  const content = await folderContent(base);
  assert.ok(content !== undefined);
  assert.equal(describeContent(content), "3 images, 17 × 23 to 128 × 128, 1 to 3 channels, uint8");
  // The smallest image decides the patch.
  assert.deepEqual(content.shape, [1, 17, 23, 1]);
});

test("a misspelt folder is corrected, wherever the mistake is", (t) => {
  const base = mkdtempSync(join(tmpdir(), "biapy-paths-"));
  t.after(() => rmSync(base, { recursive: true }));
  mkdirSync(join(base, "Nuclei: raw", "train"), { recursive: true });
  assert.equal(nearestFolder("nuclei: raw/trian", base), "Nuclei: raw/train");
  assert.equal(nearestFolder("Nuclei: raw/validation", base), undefined);
  assert.equal(
    nearestFolder(join(base, "Nuclei: rw", "train"), "/"),
    join(base, "Nuclei: raw/train").replaceAll("\\", "/"),
  );
  const text =
    "PROBLEM:\n    TYPE: SELF_SUPERVISED\nTRAIN:\n    ENABLE: True\nDATA:\n    TRAIN:\n        PATH: 'Nuclei: raw/trian'\n";
  const problem = checkConfig(loadConfig("a.yaml", text).config, base).find(
    ({ key }) => key === "DATA.TRAIN.PATH",
  );
  assert.ok(problem !== undefined);
  const [fix] = problemFixes(text, problem);
  assert.equal(fix.edits[0].text, "'Nuclei: raw/train'");
  // While a configuration is being written, a folder is looked for already.
  const unfinished = loadConfig("a.yaml", text.replace("TRAIN:\n    ENABLE: True\n", "")).config;
  const found = checkConfig(unfinished, base).filter(({ key }) => key === "DATA.TRAIN.PATH");
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ["warning"],
  );
  const switchedOff = loadConfig("a.yaml", text.replace("True", "False")).config;
  assert.ok(checkConfig(switchedOff, base).every(({ key }) => key !== "DATA.TRAIN.PATH"));
});

test("paths inside the folder are written relative to it", () => {
  const root = join(tmpdir(), "project");
  assert.equal(shortestPath(join(root, "images", "train"), root), "images/train");
  const outside = join(tmpdir(), "elsewhere");
  assert.equal(shortestPath(outside, root), outside.replaceAll("\\", "/"));
});

test("values that the engine trains come first, the others have a note why not", () => {
  const noted = (text: string, key: string, values: readonly string[]) => {
    const { config } = loadConfig("a.biapy.yaml", text);
    const ranks = rankValues("embedded", config, "/", key, values);
    return values.map((value) => ranks.get(value)?.note ?? `trained`);
  };
  const types = ["SELF_SUPERVISED", "SEMANTIC_SEG", "DETECTION"];
  assert.deepEqual(noted("", "PROBLEM.TYPE", types), ["trained", "trained", "needs BiaPy"]);
  const masking = "PROBLEM:\n  TYPE: SELF_SUPERVISED\n  SELF_SUPERVISED:\n    PRETEXT_TASK: masking\n";
  const architectures = ["mae", "unet", "efficientnet_b0"];
  assert.deepEqual(noted(masking, "MODEL.ARCHITECTURE", architectures), [
    "trained",
    "not with this configuration",
    "needs BiaPy",
  ]);
  const segmenting = "PROBLEM:\n  TYPE: SEMANTIC_SEG\n";
  assert.deepEqual(noted(segmenting, "LOSS.TYPE", ["[CE]", "[MSE]", "[VGG]"]), [
    "trained",
    "not with this configuration",
    "needs BiaPy",
  ]);
  const { config } = loadConfig("a.biapy.yaml", "");
  assert.deepEqual(rankValues("biapy", config, "/", "PROBLEM.TYPE", ["DETECTION"]).get("DETECTION"), {
    rank: 0,
  });
});

test("a misspelt value offers all values that are as near", () => {
  const text = "TRAIN:\n  OPTIMIZER: ADAMM\n";
  const [problem] = loadConfig("a.biapy.yaml", text).problems;
  assert.deepEqual(
    problemFixes(text, problem).map(({ title }) => title),
    ["Change to ADAM", "Change to ADAMW"],
  );
});

test("the usual keys are those that the templates set", async () => {
  const usual = await usualKeys("templates");
  assert.ok(usual.has("DATA.TRAIN.PATH") && usual.has("TRAIN"));
  assert.ok(!usual.has("DATA.TRAIN.PADDING"));
});

test("completion lists sections as templates order them, and the keys of a section by name, usual ones first", async () => {
  const usual = await usualKeys("templates");
  const listed = (keys: readonly string[]) =>
    keys.toSorted((one, other) => (keySortText(one, usual) < keySortText(other, usual) ? -1 : 1));
  const sections = ["PROBLEM", "DATA", "AUGMENTOR", "MODEL", "LOSS", "TRAIN", "TEST"];
  assert.deepEqual(listed([...sections, "LOG", "SYSTEM"].sort()), [...sections, "SYSTEM", "LOG"]);
  const keys = ["DATA.TRAIN.PADDING", "DATA.TRAIN.PATH", "DATA.TRAIN.GT_PATH", "DATA.TRAIN.OVERLAP"];
  const inOrder = ["DATA.TRAIN.GT_PATH", "DATA.TRAIN.OVERLAP", "DATA.TRAIN.PATH", "DATA.TRAIN.PADDING"];
  assert.deepEqual(listed(keys), inOrder);
});

test("the sections of each template have the order in which completion lists them", async () => {
  const usual = await usualKeys("templates");
  for (const name of readdirSync("templates").filter((each) => each.endsWith(".biapy.yaml"))) {
    const sections = keyLines(readFileSync(join("templates", name), "utf8"))
      .map(({ key }) => key)
      .filter((key) => !key.includes("."));
    const texts = sections.map((key) => keySortText(key, usual));
    assert.deepEqual(texts, texts.toSorted(), name);
  }
});

test("there is no fix for a value that continues on the next line: its rest would stay", () => {
  const problem = {
    severity: "error",
    message: "",
    line: 2,
    key: "DATA.PATCH_SIZE",
    suggestion: "(64,64,1)",
  } as const;
  const fixes = (value: string) => problemFixes(`DATA:\n  PATCH_SIZE: ${value}\n`, problem);
  assert.deepEqual(fixes("(16,\n    64,64,1)"), []);
  assert.deepEqual(fixes(">-\n    (16,64,64,1)"), []);
  assert.equal(fixes("(16,64,64,1)").length, 1);
});
