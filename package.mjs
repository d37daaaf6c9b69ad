// Makes the extension's .vsix for one platform: `npm run package`, or `npm run package -- --target win32-x64`.
// It holds the bundles with the licenses of what is in them and, of the packages that cannot be bundled, the files that run on that
// platform; no others.
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { createVSIX } from "@vscode/vsce";

/** Platforms as VS Code names them, with the library that onnxruntime has for them. Without one, the WebAssembly engine trains. */
const ONNXRUNTIME = {
  "linux-x64": ["linux/x64/libonnxruntime.so.1"],
  "linux-arm64": ["linux/arm64/libonnxruntime.so.1"],
  "darwin-x64": [],
  "darwin-arm64": ["darwin/arm64/libonnxruntime.1.dylib"],
  "win32-x64": ["onnxruntime", "DirectML", "dxcompiler", "dxil"].map((name) => `win32/x64/${name}.dll`),
  "win32-arm64": ["onnxruntime", "DirectML", "dxcompiler", "dxil"].map((name) => `win32/arm64/${name}.dll`),
};

const { values } = parseArgs({
  options: {
    target: { type: "string", default: `${process.platform}-${process.arch}` },
    out: { type: "string" },
  },
});
const { target } = values;
const libraries = ONNXRUNTIME[target];
if (libraries === undefined) {
  console.error(`No target ${target}. There are: ${Object.keys(ONNXRUNTIME).join(", ")}.`);
  process.exit(2);
}
const { name, version, repository } = JSON.parse(await readFile("package.json", "utf8"));
/** Whether there is a repository, to whose files the extension's page links. */
const published = !repository.url.includes("/OWNER/");
const vsix = values.out ?? `${name}-${target}-${version}.vsix`;

await rm("dist", { recursive: true, force: true });
execFileSync(process.execPath, ["esbuild.mjs", "--minify"], { stdio: "inherit" });
await dropMapsOfPackages();
await ship("onnxruntime-node", ["package.json", ...libraries.map((file) => `bin/napi-v6/${file}`)]);
await ship("@resvg/resvg-wasm", ["package.json", "index_bg.wasm"]);
await ship("@cornerstonejs/codec-libjpeg-turbo-8bit", [
  "package.json",
  "dist/libjpegturbowasm_decode.js",
  "dist/libjpegturbowasm_decode.wasm",
]);
await ship("@cornerstonejs/codec-openjpeg", [
  "package.json",
  "dist/openjpegwasm_decode.js",
  "dist/openjpegwasm_decode.wasm",
]);
await ship("lerc", ["package.json", "lerc-wasm.wasm"]);
await ship("@jsquash/webp", ["package.json", "LICENSE", "codec/dec/webp_dec.wasm"]);
await ship("h5wasm-plugins", ["package.json", "LICENSE", "COPYING", "plugins"]);
await ship("@fontsource/inter", ["package.json", "LICENSE", "files/inter-latin-400-normal.woff2"]);
await ship("koffi", [
  "package.json",
  "LICENSE.txt",
  "index.js",
  "src/koffi/index.js",
  "src/koffi/src/static.js",
]);
await shipKoffiBinary();
await withReadingProject(async () =>
  createVSIX({
    target,
    packagePath: vsix,
    readmePath: await extensionPage(),
    dependencies: false,
    allowMissingRepository: !published,
    // The page's pictures become links into the repository.
    rewriteRelativeLinks: published,
  }),
);
console.log(`${vsix}: ${((await stat(vsix)).size / 1e6).toFixed(1)} MB`);

/**
 * Returns the path of the extension's page; README.md is for those who build from source. The Marketplace and VS Code show pictures from
 * https addresses only, which a repository has. Without one the page has no pictures.
 */
async function extensionPage() {
  const page = "MARKETPLACE.md";
  if (published) return page;
  const withoutPictures = "dist/page.md";
  const text = await readFile(page, "utf8");
  await writeFile(withoutPictures, text.replace(/^!\[.*\]\(.*\)\n\n/gm, ""));
  return withoutPictures;
}

/** Removes the source maps of bundled packages, whose sources are not shipped, and the comments that name them. */
async function dropMapsOfPackages() {
  for (const file of await readdir("dist")) {
    if (!file.endsWith(".map")) continue;
    const map = join("dist", file);
    const { sources } = JSON.parse(await readFile(map, "utf8"));
    if (sources.some((source) => source.startsWith("../src/"))) continue;
    await rm(map);
    const bundle = map.slice(0, -".map".length);
    const text = await readFile(bundle, "utf8");
    await writeFile(bundle, text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
  }
}

/** Copies files of a package to where the bundles find it first. */
async function ship(packageName, files, from = join("node_modules", packageName)) {
  for (const file of files) {
    const copy = join("dist", "node_modules", packageName, file);
    await mkdir(dirname(copy), { recursive: true });
    await cp(join(from, file), copy, { recursive: true });
  }
}

/**
 * The trainer's source is shipped to be read and debugged, without the packages that it is compiled with: the editor is not to report
 * them missing. In the repository such a file would switch the checks off.
 */
async function withReadingProject(pack) {
  const project = join("src", "tsconfig.json");
  const compilerOptions = {
    noCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    module: "preserve",
    types: [],
  };
  await writeFile(project, `${JSON.stringify({ compilerOptions }, null, 2)}\n`);
  try {
    await pack();
  } finally {
    await rm(project);
  }
}

/** npm installs the binary of this machine's platform only; those of others are fetched. */
async function shipKoffiBinary() {
  const binary = `@koromix/koffi-${target}`;
  const files = ["package.json", "index.js", `${target.replace("-", "_")}/koffi.node`];
  if (target === `${process.platform}-${process.arch}`) return ship(binary, files);
  const folder = await mkdtemp(join(tmpdir(), "koffi-"));
  try {
    const { optionalDependencies } = JSON.parse(await readFile("node_modules/koffi/package.json", "utf8"));
    const spec = `${binary}@${optionalDependencies[binary]}`;
    const install = ["install", "--prefix", folder, "--no-save", "--force", "--ignore-scripts", spec];
    execFileSync("npm", install, { stdio: "inherit", shell: process.platform === "win32" });
    await ship(binary, files, join(folder, "node_modules", binary));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
