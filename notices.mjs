// The licenses of packages whose code or files are shipped.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The innermost package that a bundled file belongs to. */
const PACKAGE_OF_FILE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
const LICENSE_FILE = /^(licen[cs]e|notice|copying|copyright|third-?party)/i;

/**
 * Texts in the folder `licenses` for packages that come without their license, and for libraries that are compiled into a
 * package's binary files.
 */
const OUR_TEXTS = {
  "@cornerstonejs/codec-libjpeg-turbo-8bit": ["cornerstone-codecs.txt", "libjpeg-turbo.txt"],
  "@cornerstonejs/codec-openjpeg": ["cornerstone-codecs.txt", "openjpeg.txt"],
  "@jsquash/webp": ["libwebp.txt"],
  "@microsoft/fast-element": ["microsoft-mit.txt"],
  "@microsoft/fast-foundation": ["microsoft-mit.txt"],
  "@microsoft/fast-web-utilities": ["microsoft-mit.txt"],
  "@nodable/entities": ["nodable-entities.txt"],
  "@resvg/resvg-wasm": ["mpl-2.0.txt"],
  "@tensorflow/tfjs-backend-cpu": ["apache-2.0.txt"],
  "@tensorflow/tfjs-backend-wasm": ["apache-2.0.txt", "tfjs-wasm-libraries.txt"],
  "@tensorflow/tfjs-core": ["apache-2.0.txt"],
  "@vscode/l10n": ["microsoft-mit.txt"],
  h5wasm: ["zlib.txt"],
  lerc: ["lerc.txt", "apache-2.0.txt"],
  "onnxruntime-node": ["onnxruntime.txt", "onnxruntime-windows.txt", "onnxruntime-third-party-notices.txt"],
  seedrandom: ["seedrandom.txt"],
  "xz-decompress": ["xz-decompress.txt"],
};

/** Folders in a package with the licenses of what is compiled into its binary files. */
const NESTED = { koffi: ["vendor/node-addon-api", "vendor/node-api-headers"] };

/**
 * Returns names, versions and the full license texts. Throws for a package without a license text.
 *
 * @param {readonly import("esbuild").Metafile[]} bundles what esbuild says of its bundles
 * @param {readonly string[]} unbundled packages whose files are shipped as they are
 */
export async function thirdPartyNotices(bundles, unbundled) {
  const bundled = bundles
    .flatMap(({ inputs }) => Object.keys(inputs))
    .flatMap((file) => file.match(PACKAGE_OF_FILE) ?? []);
  const folders = new Set([...bundled, ...unbundled.map((name) => join("node_modules", name))]);
  const notices = new Map();
  for (const folder of folders) {
    const { name, version, license, author, homepage } = JSON.parse(
      await readFile(join(folder, "package.json"), "utf8"),
    );
    const heading = `${name} ${version} (${license})`;
    const source = [author?.name ?? author, homepage].filter(Boolean).join(", ");
    const texts = await licenseTexts(folder, name);
    if (texts.length === 0)
      throw new Error(
        `${heading} has no license text: put it into the folder licenses and name it in notices.mjs.`,
      );
    notices.set(heading, [`${heading}\n${source}`, ...texts].map((text) => text.trim()).join("\n\n"));
  }
  const sorted = [...notices.keys()].sort().map((heading) => notices.get(heading));
  return `${["Packages that are part of BiaPy Studio, and their licenses.", ...sorted].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

/** @returns {Promise<string[]>} the texts of a package's own files, of libraries inside it, and of ours */
async function licenseTexts(folder, name) {
  const places = [folder, ...(NESTED[name] ?? []).map((nested) => join(folder, nested))];
  const own = await Promise.all(
    places.map(async (place) => {
      const files = await readdir(place, { withFileTypes: true });
      return files
        .filter((file) => file.isFile() && LICENSE_FILE.test(file.name))
        .map((file) => join(place, file.name));
    }),
  );
  const ours = (OUR_TEXTS[name] ?? []).map((file) => join("licenses", file));
  return Promise.all([...own.flat(), ...ours].map((file) => readFile(file, "utf8")));
}
