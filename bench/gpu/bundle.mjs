// Makes a folder that checks a GPU on a bare Linux machine, without Node.js, npm or a network there: `npm run bundle:gpu`.
//   --out FOLDER   (default: .test-output/gpu-bundle)
//   --cuda         with onnxruntime's CUDA provider, fetched by pip (250 MB), in parts of their own
// On the machine: `sh run.sh`. Parts are at most 60 MB, so that they can be copied one at a time. See docs/devices.md.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleFile } from "../bundle-file.mjs";

const PART_BYTES = 60e6;
const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: {
    out: { type: "string", default: join(root, ".test-output", "gpu-bundle") },
    cuda: { type: "boolean", default: false },
  },
});
const run = (command, args, cwd = root) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
const here = (name) => join(root, "bench", "gpu", name);

await rm(values.out, { recursive: true, force: true });
await mkdir(values.out, { recursive: true });
const work = await mkdtemp(join(tmpdir(), "bundle-gpu-"));
try {
  // Building the extension's package leaves its files in dist, with the packages that cannot be bundled.
  run(process.execPath, ["package.mjs", "--target", "linux-x64", "--out", join(work, "studio.vsix")]);
  const studio = join(work, "studio");
  await cp(join(root, "dist"), join(studio, "dist"), { recursive: true });
  await cp(process.execPath, join(studio, "node"));
  run("strip", ["--strip-unneeded", join(studio, "node")]);
  await cp(join(root, "media", "samples"), join(studio, "samples"), { recursive: true });
  for (const name of ["mae_random_2d", "unet_2d"])
    await cp(
      join(root, "test", "fixtures", "models", `${name}.json`),
      join(studio, "models", `${name}.json`),
    );
  await cp(here("pytorch.py"), join(studio, "pytorch.py"));
  await bundleFile(here("check.ts"), join(studio, "gpu-check.mjs"));
  await bundleFile(here("steps.ts"), join(studio, "gpu-steps.mjs"));
  // The scripts load onnxruntime and koffi from their own folder.
  await cp(join(root, "dist", "node_modules"), join(studio, "node_modules"), { recursive: true });
  await rm(join(studio, "dist", "node_modules", "onnxruntime-node"), { recursive: true });
  await rm(join(studio, "dist", "node_modules", "koffi"), { recursive: true });
  await rm(join(studio, "dist", "node_modules", "@koromix"), { recursive: true });
  await vulkanLoader(join(studio, "libraries"));
  await packed(studio, "studio");
  if (values.cuda) await packed(await cudaProvider(), "cuda");
  for (const name of ["run.sh", "prepare.py"]) await cp(here(name), join(values.out, name));
} finally {
  await rm(work, { recursive: true, force: true });
}
let total = 0;
for (const name of (await readdir(values.out)).sort()) {
  const { size } = await stat(join(values.out, name));
  total += size;
  console.log(`${(size / 1e6).toFixed(1).padStart(7)} MB  ${name}`);
}
console.log(
  `${(total / 1e6).toFixed(1).padStart(7)} MB  in ${values.out}: copy it to the machine and run sh run.sh`,
);

/** Downloads Debian's loader of Vulkan drivers, and the libraries that NVIDIA's driver needs. */
async function vulkanLoader(folder) {
  const packages = [
    "libvulkan1",
    "libx11-6",
    "libxext6",
    "libxcb1",
    "libxau6",
    "libxdmcp6",
    "libbsd0",
    "libmd0",
  ];
  const debs = join(work, "debs");
  await mkdir(debs);
  run("apt-get", ["download", ...packages], debs);
  for (const name of await readdir(debs)) run("dpkg", ["-x", join(debs, name), join(work, "deb")]);
  await cp(join(work, "deb", "usr", "lib", "x86_64-linux-gnu"), folder, {
    recursive: true,
    verbatimSymlinks: true,
  });
}

/** Downloads the libraries of onnxruntime with CUDA. NVIDIA's own come from the machine's Python packages. */
async function cudaProvider() {
  const wheels = join(work, "wheels");
  const python = process.env.BIAPY_PYTHON ?? "python3";
  const spec = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11", "onnxruntime-gpu==1.30.0"];
  run(python, ["-m", "pip", "download", "--quiet", "--dest", wheels, ...spec]);
  const [wheel] = await readdir(wheels);
  const unpacked = join(work, "wheel");
  run(python, ["-m", "zipfile", "-e", join(wheels, wheel), unpacked]);
  const cuda = join(work, "cuda");
  await mkdir(cuda);
  const folder = join(unpacked, "onnxruntime", "capi");
  for (const name of await readdir(folder))
    if (/^lib.*\.so/.test(name) && !name.includes("tensorrt")) await cp(join(folder, name), join(cuda, name));
  return cuda;
}

/** Packs a folder into an archive in parts, and writes their number. */
async function packed(folder, name) {
  const archive = join(work, `${name}.tar.xz`);
  execFileSync("tar", ["-cJf", archive, "-C", folder, "."], {
    stdio: "inherit",
    env: { ...process.env, XZ_OPT: process.env.XZ_OPT ?? "-6 -T0" },
  });
  const { size } = await stat(archive);
  const count = Math.ceil(size / PART_BYTES);
  for (let part = 0; part < count; part++) {
    const range = { start: part * PART_BYTES, end: Math.min((part + 1) * PART_BYTES, size) - 1 };
    const path = join(values.out, `${name}.tar.xz.${String(part).padStart(2, "0")}`);
    await pipeline(createReadStream(archive, range), createWriteStream(path));
  }
  await writeFile(join(values.out, `${name}.parts`), String(count));
}
