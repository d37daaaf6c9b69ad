/** What a folder that is not trusted, and a page, cannot do. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import packageFile from "../../package.json" with { type: "json" };
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { OfferedFiles } from "../../src/extension/panel/offered-files.ts";
import { liesInside } from "../../src/facts/files/lies-inside.ts";
import { isNetworkPath, networkHost } from "../../src/facts/files/network-path.ts";

test("no setting of a folder that is not trusted has an effect", () => {
  const { contributes, capabilities } = packageFile;
  assert.deepEqual(
    [...capabilities.untrustedWorkspaces.restrictedConfigurations].sort(),
    Object.keys(contributes.configuration.properties).sort(),
  );
});

test("a page may open the files that it was told of, and no others", () => {
  const offered = new OfferedFiles();
  offered.offer("run", [
    { event: "image", time: 1, kind: "prediction", image: "a.tif", files: { prediction: "/r/a.tif" } },
    { event: "problems", time: 2, problems: [{ severity: "error", file: "/c.yaml", message: "M" }] },
    { event: "log", time: 3, level: "info", message: "/etc/passwd" },
  ]);
  for (const path of ["/r/a.tif", "/c.yaml"]) assert.equal(offered.runOf(path), "run");
  for (const path of ["/etc/passwd", "/r", "", "/r/../r/a.tif"]) assert.equal(offered.runOf(path), undefined);
});

test("paths on other computers are recognized however they are written", () => {
  for (const path of [
    "\\\\NAS\\data\\a",
    "//nas/data/a",
    "\\/nas\\a",
    "\\\\.\\pipe\\x",
    "\\\\?\\UNC\\nas\\a",
    "\\??\\UNC\\a",
  ])
    assert.ok(isNetworkPath(path), path);
  for (const path of ["/data/a", "C:\\data", "C:/data", "data", "", "../a"])
    assert.ok(!isNetworkPath(path), path);
  assert.equal(networkHost("\\\\NAS\\data\\a"), "nas");
  assert.equal(networkHost("C:\\data"), "");
});

test("a file behind a link lies where the link leads", { skip: process.platform === "win32" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "inside-"));
  for (const name of ["job/results", "elsewhere"]) mkdirSync(join(folder, name), { recursive: true });
  symlinkSync(join(folder, "elsewhere"), join(folder, "job/checkpoints"));
  const job = join(folder, "job");
  assert.ok(liesInside(join(job, "results", "a"), job));
  assert.ok(liesInside(join(job, "checkpoints"), job), "the link itself");
  for (const path of ["checkpoints/a", "../elsewhere/a", "missing/a"])
    assert.ok(!liesInside(join(job, path), job), path);
  assert.ok(!liesInside(job, job));
  rmSync(folder, { recursive: true });
});

test("a configuration's paths on other computers are looked at only where the folder is trusted", () => {
  const text = `PROBLEM: {TYPE: SELF_SUPERVISED}
TRAIN: {ENABLE: True}
DATA:
  TRAIN: {PATH: //nas/none}
  PREPROCESS: {TRAIN: True, MATCH_HISTOGRAM: {ENABLE: True, REFERENCE_PATH: //nas/none}}
MODEL:
  SOURCE: bmz
  BMZ: {SOURCE_MODEL_ID: //nas/model.zip, EXPORT: {ENABLE: True, DOCUMENTATION: //nas/about.md}}
`;
  const { config } = loadConfig("a.yaml", text);
  const keys = [
    "DATA.TRAIN.PATH",
    "DATA.PREPROCESS.MATCH_HISTOGRAM.REFERENCE_PATH",
    "MODEL.BMZ.SOURCE_MODEL_ID",
    "MODEL.BMZ.EXPORT.DOCUMENTATION",
  ];
  const missing = (network: boolean) => {
    const found = new Set(checkConfig(config, "/", network).map(({ key }) => key));
    return keys.filter((key) => found.has(key));
  };
  assert.deepEqual(missing(false), []);
  assert.deepEqual(missing(true), keys);
});
