/** The licenses of everything that is shipped. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build, type Metafile } from "esbuild";

interface Bundles {
  readonly BUNDLES: readonly BuildOptions[];
  readonly UNBUNDLED: readonly string[];
}
interface Notices {
  thirdPartyNotices(bundles: readonly Metafile[], unbundled: readonly string[]): Promise<string>;
}

const script = (name: string) => import(pathToFileURL(resolve(name)).href);
const { BUNDLES, UNBUNDLED }: Bundles = await script("bundles.mjs");
const { thirdPartyNotices }: Notices = await script("notices.mjs");

test("every package that is shipped comes with its license, and so do the libraries in its binary files", async () => {
  const made = await Promise.all(
    BUNDLES.map((options) => build({ ...options, write: false, metafile: true, sourcemap: false })),
  );
  const metafiles = made.map(({ metafile }) => metafile).filter((metafile) => metafile !== undefined);
  assert.equal(metafiles.length, BUNDLES.length);
  const text = await thirdPartyNotices(metafiles, UNBUNDLED);
  for (const name of [...UNBUNDLED, "valibot", "geotiff", "uplot", "yaml-language-server"])
    assert.match(text, new RegExp(`^${name.replaceAll("/", "\\/")} \\d`, "m"));
  for (const library of [
    "XNNPACK",
    "pthreadpool",
    "The Dawn & Tint Authors",
    "HDF5",
    "zlib",
    "Mozilla Public License",
  ])
    assert.ok(text.includes(library), library);
  for (const part of text.split(`\n\n${"-".repeat(80)}\n\n`).slice(1))
    assert.ok(part.length > 500, `only a name: ${part}`);
});

test("a package without a license text cannot be shipped", async () => {
  await assert.rejects(
    thirdPartyNotices([], ["../test/fixtures/unlicensed"]),
    /unlicensed 1\.0\.0 \(MIT\) has no license text/,
  );
});
