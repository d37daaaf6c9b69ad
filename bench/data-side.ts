/**
 * Measures whether reading keeps up with training: `npm run bench:data`. Prints the time until the first step, and the share of the time
 * in which steps waited for patches. Arguments select cases by name. BENCH_IMAGES and BENCH_GB set the sizes (default: 10,000 images,
 * 40 GB), BENCH_SECONDS the time of training that is measured (default: 30). Slow reads need Linux and a C compiler.
 */
import { spawnSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createZarr } from "../src/images/zarr-writer.ts";
import { configuration, NETWORKS, SIDE, type TrainedImages, train, writeImages } from "./training-waits.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const IMAGES = Number(process.env.BENCH_IMAGES ?? 10_000);
const GIGABYTES = Number(process.env.BENCH_GB ?? 40);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 30);
const folder = mkdtempSync(join(tmpdir(), "bench-data-"));

/** A network drive's delay of each read. */
const SLOW_MILLISECONDS = 50;
/** Chunks of 64 x 128 x 128 uint16: 2 MB. */
const CHUNK = [64, 128, 128] as const;

interface Case extends TrainedImages {
  readonly title: string;
  readonly slow: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  images: { title: "images in memory", images: "images", inMemory: true, slow: false },
  images_part: { title: "images read part by part", images: "images", inMemory: false, slow: false },
  images_slow: { title: "images, 50 ms a read, first epoch", images: "images", inMemory: false, slow: true },
  volume: { title: "Zarr volume", images: "volume", inMemory: false, slow: false },
  volume_slow: { title: "Zarr volume, 50 ms a read", images: "volume", inMemory: false, slow: true },
};

/** Writes one chunk of a volume, and links to it in all other places: only 2 MB of the disk are used. */
async function writeVolume(path: string): Promise<void> {
  const side = CHUNK[1] * Math.ceil(Math.sqrt((GIGABYTES * 1e9) / 2 / (CHUNK[0] * 40)) / CHUNK[1]);
  const shape = [CHUNK[0] * 40, side, side, 1] as const;
  const store = join(path, "volume.zarr");
  mkdirSync(path);
  const image = { shape, sampleType: "uint16", chunk: CHUNK, axes: "TZCYX" } as const;
  const writer = await createZarr(store, image);
  const data = Uint16Array.from(
    { length: CHUNK[0] * CHUNK[1] * CHUNK[2] },
    (_, at) => (at * 7) ^ ((at >> 9) & 0xfff),
  );
  await writer.write([0, 0, 0], { shape: [...CHUNK, 1], sampleType: "uint16", data });
  await writer.close();
  const place = (z: number, y: number, x: number) => join(store, "c", "0", `${z}`, "0", `${y}`, `${x}`);
  for (let z = 0; z < 40; z++)
    for (let y = 0; y < side / CHUNK[1]; y++)
      for (let x = 0; x < side / CHUNK[2]; x++) {
        if (z + y + x === 0) continue;
        mkdirSync(dirname(place(z, y, x)), { recursive: true });
        linkSync(place(0, 0, 0), place(z, y, x));
      }
}

/** Returns the variables that delay reads below a folder. */
function slowReads(path: string): Record<string, string> {
  const library = join(folder, "slow-reads.so");
  const args = ["-shared", "-fPIC", "-O2", "-o", library, here("slow-reads.c"), "-ldl"];
  const { status, stderr } = spawnSync("cc", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`cc could not compile slow-reads.c: ${stderr}`);
  return { LD_PRELOAD: library, SLOW_FOLDER: path, SLOW_MILLISECONDS: String(SLOW_MILLISECONDS) };
}

try {
  const words = process.argv.slice(2);
  const unknown = words.find((word) => !(word in CASES));
  if (unknown !== undefined)
    throw new Error(`No case is named ${unknown}; there are: ${Object.keys(CASES).join(", ")}.`);
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores; ${IMAGES} images of ${SIDE} x ${SIDE}, a volume of ${GIGABYTES} GB\n`,
  );
  console.log("| images | network | first step after | step | waiting |\n| --- | --- | ---: | ---: | ---: |");
  const write = { images: (path: string) => writeImages(path, IMAGES), volume: writeVolume };
  for (const [name, each] of Object.entries(CASES)) {
    if (words.length > 0 && !words.includes(name)) continue;
    const path = join(folder, each.images);
    if (!readdirSync(folder).includes(each.images)) await write[each.images](path);
    for (const [network, settings] of Object.entries(NETWORKS)) {
      const file = join(folder, "job.yaml");
      writeFileSync(file, configuration(path, each, settings));
      const { firstStep, stepSeconds, waiting } = await train(
        file,
        SECONDS,
        each.slow ? slowReads(path) : {},
      );
      rmSync(join(folder, "results"), { recursive: true, force: true });
      const cells = [
        `${firstStep.toFixed(1)} s`,
        `${(1000 * stepSeconds).toFixed(1)} ms`,
        `${(100 * waiting).toFixed(0)} %`,
      ];
      console.log(`| ${[each.title, network, ...cells].join(" | ")} |`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
