/** Measures how long the extension host of a real VS Code is blocked in large workspaces: `npm run bench:waits`. */
import { linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resultTree } from "../src/facts/result-tree.ts";
import type { RunEvent } from "../src/facts/run-events.ts";
import { readRecord, recordFilesOf, writeRecord } from "../src/runs/record.ts";
import { tinyModel } from "../test/vscode/configurations.ts";
import { prepare } from "../test/vscode/prepare.ts";
import { ServedVsCode } from "../test/vscode/served-vscode.ts";
import { manySteps, recordedEvents } from "../test/webview/recorded-runs.ts";
import { bundleSuite } from "./bundle-suite.ts";
import { writeRun } from "./runs.ts";

const IMAGE = "media/samples/2d/train";

/** Fills workspaces, by what they have much of. */
const workspaces: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "10,000 images": async (folder) => {
    images(join(folder, "images"), 10_000, "image");
    // The images have one channel. The check must find that.
    const configuration = tinyModel(5).replace("2d/train", "images").replace("(64,64,1)", "(64,64,3)");
    writeFileSync(join(folder, "many.biapy.yaml"), configuration.replace(/TEST:\n {4}ENABLE: True/, ""));
  },
  "an unfinished run of 100,000 steps": async (folder) => {
    const place = { resultDirectory: join(folder, "results"), name: "long", runId: 1 };
    const events: RunEvent[] = [...recordedEvents("cells").slice(0, 2), ...manySteps(100_000, 1000)];
    await writeRun(place.resultDirectory, place.name, place.runId, events);
    const files = recordFilesOf(place);
    const record = await readRecord(files);
    if (record === undefined) throw new Error("The record was just written.");
    const address = join(tmpdir(), `bench-waits-${process.pid}.sock`);
    await writeRecord(files, { ...record, ended: undefined, address, supervisor: process.pid });
  },
  "500 runs": async (folder) => {
    for (let run = 1; run <= 500; run++)
      await writeRun(join(folder, "results"), `many${run % 20}`, run, recordedEvents("cells"));
  },
  "a run that left 30,000 images": async (folder) => {
    await writeRun(join(folder, "results"), "images", 1, recordedEvents("cells"));
    const { perImage } = resultTree(join(folder, "results"), "images", 1);
    for (const kind of ["", "_masked", "_reconstruction_and_visible"])
      images(perImage, 10_000, "image", kind);
  },
};

/** Makes hard links to one image file, which take no disk space. */
function images(folder: string, count: number, name: string, ending = ""): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "..", `${name}${ending}.bin`);
  writeFileSync(file, readFileSync(join(IMAGE, "nuclei-01.tif")));
  for (let at = 0; at < count; at++) linkSync(file, join(folder, `${name}-${at}${ending}.tif`));
}

if (process.env.BIAPY_SERVED_VSCODE === undefined) Object.assign(process.env, prepare());
const suite = await bundleSuite("waits-suite");
const asked = process.argv.slice(2);
for (const [name, fill] of Object.entries(workspaces)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const vscode = await ServedVsCode.start({
    settings: { "security.workspace.trust.enabled": false },
    drivenByTests: true,
  });
  const folder = vscode.workspace("much");
  await fill(folder);
  console.log(`With ${name}:`);
  await vscode.runSuite(folder, suite);
  await vscode.close();
}
