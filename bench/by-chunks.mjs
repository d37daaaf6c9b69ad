// Predicts a volume larger than memory by chunks and prints its peak memory and rate: `npm run bench:by-chunks`.
// Arguments select cases by name. BENCH_GB sets the size in GB (default: 4). BENCH_LAUNCHER is a command that starts the measured
// run, such as `nice -n -5`.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const GIGABYTES = process.env.BENCH_GB ?? "4";
const CASES = { zarr: "volume.zarr", h5: "volume.h5", tif: "volume.tif", plane: "plane.tif" };
const picked = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "by-chunks-"));

const LAUNCHER = (process.env.BENCH_LAUNCHER ?? "").split(" ").filter(Boolean);

function run(args, launcher = []) {
  const [command, ...rest] = [...launcher, process.execPath, ...args];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${args.join(" ")}: ${stdout.slice(-500)}\n${stderr}`);
  return { stdout, peak: Number(/peak (\S+) MB/.exec(stderr)?.[1]) };
}

/** Returns a configuration of a tiny masked autoencoder: reading, cutting, blending and writing then take most of the time. */
const configuration = (ndim, images, more) => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}}
DATA:
  PATCH_SIZE: ${ndim === "2D" ? "(256,256,1)" : "(32,128,128,1)"}
  TEST: {PATH: ${JSON.stringify(images)}}
  TRAIN: {PATH: ${JSON.stringify(images)}}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: grid, VIT_TOKEN_SIZE: 16, VIT_EMBED_DIM: 32, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 2,
  MAE_DEC_HIDDEN_SIZE: 32, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2}
TRAIN: {BATCH_SIZE: 4, EPOCHS: 1, OPTIMIZER: ADAMW, ${more.train}}
TEST: {${more.test}}
PATHS: {CHECKPOINT_FILE: ${JSON.stringify(more.checkpoint ?? "")}}
`;

function biapy(name, text, launcher) {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, text);
  const results = ["--result_dir", join(folder, "results"), "--name", name, "--events"];
  const started = performance.now();
  const { peak } = run(
    ["--import", here("peak-memory.mjs"), here("../dist/cli.mjs"), "--config", file, ...results],
    launcher,
  );
  return { peak, seconds: (performance.now() - started) / 1000 };
}

const volume = (path, gigabytes) =>
  run(["--import", here("../test/register.mjs"), here("volume.ts"), path, gigabytes]).stdout;

function sizeOf(path) {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

try {
  for (const [name, file] of Object.entries(CASES)) {
    if (picked.length > 0 && !picked.includes(name)) continue;
    const ndim = name === "plane" ? "2D" : "3D";
    const small = join(folder, `${name}-small`);
    const large = join(folder, name);
    mkdirSync(small);
    mkdirSync(large);
    volume(join(small, file), ndim === "2D" ? "0.002" : "0.02");
    biapy(`${name}_model`, configuration(ndim, small, { train: "ENABLE: True", test: "ENABLE: False" }));
    const { shape, voxels } = JSON.parse(volume(join(large, file), GIGABYTES));
    const stored = sizeOf(join(large, file));
    const test = configuration(ndim, large, {
      train: "ENABLE: False",
      test: "ENABLE: True, BY_CHUNKS: {ENABLE: True}",
      checkpoint: join(folder, `results/${name}_model/checkpoints/${name}_model_1-checkpoint-best.pth`),
    });
    const { peak, seconds } = biapy(`${name}_test`, test, LAUNCHER);
    const written = join(folder, `results/${name}_test/results/${name}_test_1/per_image`);
    console.log(
      `${file}: ${shape.join(" x ")} uint16, ${((2 * voxels) / 1e9).toFixed(2)} GB (${(stored / 1e9).toFixed(2)} GB stored): ` +
        `${seconds.toFixed(0)} s, ${(voxels / 1e6 / seconds).toFixed(1)} million voxels/s, peak memory ${peak.toFixed(0)} MB; ` +
        `${readdirSync(written).join(", ")} of ${(sizeOf(written) / 1e9).toFixed(2)} GB`,
    );
    rmSync(large, { recursive: true });
    rmSync(join(folder, "results"), { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
