// The licences of packages whose code or files are shipped.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The innermost package that a bundled file belongs to. */
const PACKAGE_OF_FILE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
const LICENCE_FILE = /^(licen[cs]e|notice|copying)/i;

/**
 * Names, versions, and licences as the packages have them.
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
    const files = await readdir(folder, { withFileTypes: true });
    const licences = files.filter((file) => file.isFile() && LICENCE_FILE.test(file.name));
    const texts = await Promise.all(licences.map(({ name }) => readFile(join(folder, name), "utf8")));
    notices.set(heading, [`${heading}\n${source}`, ...texts].map((text) => text.trim()).join("\n\n"));
  }
  const sorted = [...notices.keys()].sort().map((heading) => notices.get(heading));
  return `${["Packages that are part of BiaPy Studio, and their licences.", ...sorted].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
