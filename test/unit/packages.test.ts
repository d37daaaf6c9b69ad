/** What the documentation says of the packages that this one needs, and what is never installed with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import packageFile from "../../package.json" with { type: "json" };

const { dependencies, devDependencies, peerDependencies, peerDependenciesMeta } = packageFile;

test("docs/dependencies.md has a line for every package, and none for others", () => {
  const text = readFileSync("docs/dependencies.md", "utf8");
  const documented = [...text.matchAll(/^\| `([^`]+)` [\d.]+ \|/gm)].map(([, name]) => name).sort();
  const used = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }).sort();
  assert.deepEqual(documented, used);
});

test("TensorFlow itself is an optional peer of one version, and npm ci does not fetch it", () => {
  const name = "@tensorflow/tfjs-node-gpu";
  assert.match(peerDependencies[name], /^\d+\.\d+\.\d+$/);
  assert.equal(peerDependenciesMeta[name].optional, true);
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: object };
  assert.ok(!(`node_modules/${name}` in packages));
});
