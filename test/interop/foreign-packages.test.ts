/** Packages of the BioImage Model Zoo with networks that are not BiaPy's: images are predicted as bioimageio.core predicts them. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { readImage } from "../../src/images/files.ts";
import { predictWithPackage } from "../../src/workflow/zoo/predict-with-package.ts";
import { withZooModel } from "../../src/workflow/zoo/start-from-package.ts";
import { python, skip } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-foreign-"));
after(() => rmSync(folder, { recursive: true, force: true }));

before(() => {
  if (!skip)
    execFileSync(python, [join(import.meta.dirname, "foreign-packages.py"), folder], { stdio: "pipe" });
});

interface Case {
  readonly patch: string;
  readonly test?: string;
  /** Binary outputs may switch where a value lies at the threshold: the share of such pixels. */
  readonly switched?: number;
}

const CASES: Readonly<Record<string, Case>> = {
  stepped: { patch: "(64, 60, 1)" },
  fixed: { patch: "(100, 100, 2)" },
  volume: { patch: "(24, 32, 32, 2)", switched: 1e-3 },
  channels_last: { patch: "(64, 64, 3)", test: ", FULL_IMG: True" },
  external: { patch: "(64, 64, 1)", test: ", FULL_IMG: True" },
  bytes: { patch: "(96, 80, 1)" },
  older: { patch: "(48, 40, 1)" },
  older_fixed: { patch: "(16, 16, 2)" },
  wrapped: { patch: "(96, 80, 1)", switched: 5e-3 },
  beyond: { patch: "(96, 80, 1)" },
  timed: { patch: "(80, 96, 1)" },
  turned: { patch: "(80, 96, 1)" },
};

/** Predicts the image of a package. Returns the written values `[z, y, x, channel]`. */
async function predicted(name: string, { patch, test = "" }: Case): Promise<ArrayLike<number>> {
  const file = join(folder, `${name}.yaml`);
  const ndim = patch.split(",").length === 4 ? "3D" : "2D";
  writeFileSync(
    file,
    `PROBLEM: {TYPE: DENOISING, NDIM: ${ndim}}
DATA:
  PATCH_SIZE: ${patch}
  TEST: {PATH: ${join(folder, name, "images")}}
MODEL:
  SOURCE: bmz
  BMZ: {SOURCE_MODEL_ID: ${join(folder, name)}}
TRAIN: {ENABLE: False}
TEST: {ENABLE: True${test}}
`,
  );
  const { config, problems } = loadConfig(file);
  assert.deepEqual(
    [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error"),
    [],
  );
  const started = await withZooModel(config, () => {});
  assert.ok(started.foreign, "the package's own network predicts");
  assert.deepEqual(
    checkConfig(started.config).filter(({ severity }) => severity === "error"),
    [],
  );
  const tree = resultTree(join(folder, "results"), name, 1);
  const status = await predictWithPackage(
    { config: started.config, configText: "", tree, report: () => {}, signal: new AbortController().signal },
    started.foreign,
  );
  await started.close();
  assert.equal(status, "finished");
  return (await readImage(join(tree.perImage, "image.tif"))).data;
}

/** The values of a file that NumPy wrote, as 32-bit or 64-bit fractions. */
function numpyValues(path: string): Float32Array | Float64Array {
  const bytes = readFileSync(path);
  const header = bytes.readUInt16LE(8);
  const text = bytes.toString("latin1", 10, 10 + header);
  assert.match(text, /'fortran_order': False/);
  const data = new Uint8Array(bytes.subarray(10 + header)).buffer;
  return text.includes("<f8") ? new Float64Array(data) : new Float32Array(data);
}

for (const [name, each] of Object.entries(CASES)) {
  test(`a package is predicted as bioimageio.core predicts it: ${name}`, { skip }, async (context) => {
    const own = await predicted(name, each);
    const judged = numpyValues(join(folder, name, "judged.npy"));
    assert.equal(own.length, judged.length);
    let [largest, apart, switched] = [0, 0, 0];
    for (const [index, value] of judged.entries()) {
      largest = Math.max(largest, Math.abs(value));
      const off = Math.abs((own[index] ?? Number.NaN) - value);
      if (!(off < 0.5)) switched++;
      else apart = Math.max(apart, off);
    }
    context.diagnostic(`${name}: ${apart / largest} of the largest value ${largest}, ${switched} switched`);
    assert.ok(apart / largest < 1e-4, `${apart} of ${largest}`);
    assert.ok(switched <= (each.switched ?? 0) * judged.length, `${switched} values differ`);
  });
}
