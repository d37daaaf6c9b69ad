/** What goes wrong around a run of real BiaPy, each answered in words and with nothing lost. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { biapyEngine } from "../../src/extension/engines/biapy.ts";
import { StartError } from "../../src/runs/start-run.ts";
import { smallModel } from "../support/small-networks.ts";
import { configuration, realBiapy, Workplace } from "./engine-run.ts";
import { python, skip } from "./python.ts";

let place: Workplace;
let images: string;
before(async () => {
  if (skip) return;
  place = await Workplace.make();
  images = await place.images("images", 4, [1, 64, 64]);
});

after(() => place?.remove());

const job = (epochs: number, more = "") =>
  configuration({
    ndim: "2D",
    task: "masking",
    train: images,
    test: images,
    model: smallModel("mae", "2D"),
    patch: "(32,32,1)",
    epochs,
    more,
  });

test("a run that is killed is interrupted, and resumes after its best epoch", { skip }, async () => {
  const order = place.order("killed", job(40));
  const run = await place.start(order);
  await run.until("checkpoint");
  await assert.rejects(place.start(order), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(error.message, /killed, run 1, is already running/);
    return true;
  });
  const { pid } = run.live?.record ?? {};
  process.kill(-(pid ?? 0), "SIGKILL");
  await run.ended();
  const [end] = await run.of("end");
  assert.equal(end.status, "failed");
  assert.match(end.message ?? "", /ended from outside/);
  const best = join(order.resultDirectory, "killed/checkpoints/killed_1-checkpoint-best.pth");
  const checkpoint = await loadBiapyCheckpoint(best);
  await checkpoint.close();
  const told = (await run.of("epoch")).length;
  assert.ok(told >= 1);
  assert.ok(realBiapy().canResume(order));

  const going = place.order("killed", job(told + 2), { resume: true });
  const more = await place.train(going);
  const [, finished] = await more.of("end");
  assert.equal(finished?.status, "finished", finished?.message);
  const starts = await more.of("start");
  assert.equal(starts.length, 2);
  assert.ok(starts[1].firstEpoch > 1 && starts[1].firstEpoch <= told + 1, `${starts[1].firstEpoch}`);
  const epochs = (await more.of("epoch")).slice(told).map(({ epoch }) => epoch);
  assert.equal(epochs[0], starts[1].firstEpoch);
  assert.equal(epochs.at(-1), told + 2);
});

test("a run that is stopped says so, keeps its checkpoint and can be resumed", { skip }, async () => {
  const order = place.order("stopped", job(40));
  const run = await place.start(order);
  await run.until("checkpoint");
  run.live?.request("stop");
  await run.ended();
  const [end] = await run.of("end");
  assert.equal(end.status, "stopped", end.message);
  assert.ok(realBiapy().canResume(order));
  // The checkpoint is deleted before the run is resumed.
  rmSync(join(order.resultDirectory, "stopped/checkpoints"), { recursive: true });
  assert.equal(realBiapy().canResume(order), false);
  await assert.rejects(
    realBiapy().command({ ...order, resume: true }),
    /no checkpoint of it in .* It was deleted/,
  );
});

test("an environment that disappears is named", { skip }, async () => {
  const gone = join(place.folder, "gone");
  mkdirSync(join(gone, "bin"), { recursive: true });
  writeFileSync(join(gone, "bin/python"), `#!/bin/sh\nexec '${python}' "$@"\n`, { mode: 0o755 });
  const named = [{ python: join(gone, "bin/python"), origin: "setting" as const }];
  const engine = biapyEngine({
    places: async () => ({ named, folders: [], environment: {}, home: place.folder }),
    machines: () => undefined,
  });
  const order = place.order("vanished", job(1));
  const command = await engine.command(order);
  rmSync(gone, { recursive: true });
  const run = await place.train(order, command);
  const [end] = await run.of("end");
  assert.equal(end.status, "failed");
  assert.match(end.message ?? "", /python was not found.*Select another engine/);
  const found = await engine.detect();
  assert.ok(!found.available && /Create Python Environment/.test(found.fix));
});

test("modules that disappear while BiaPy runs are named", { skip }, async () => {
  // `-S -I` leaves Python without its environment's modules, as if that were deleted.
  const order = place.order("emptied", job(1));
  const command = {
    command: python,
    args: ["-I", "-S", "-c", "import biapy"],
    cwd: place.folder,
    output: "biapy",
  };
  const run = await place.train(order, { ...command, output: "biapy" });
  const [end] = await run.of("end");
  assert.match(end.message ?? "", /lacks the module biapy/);
});

const root = process.platform === "linux" && process.getuid?.() === 0;

test("a full disk is named", {
  skip: skip || (!root && "needs a small disk of its own, which only root can mount"),
}, async () => {
  const order = place.order("full", job(30));
  const results = join(place.folder, "small-disk");
  mkdirSync(results);
  // A checkpoint has about 300 MB.
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=100m", "tmpfs", results]);
  try {
    const run = await place.train({ ...order, resultDirectory: results });
    const [end] = await run.of("end");
    assert.equal(end.status, "failed");
    assert.match(end.message ?? "", /The disk is full/);
  } finally {
    execFileSync("umount", ["-l", results]);
  }
});

test("a result folder that is read-only is named before anything starts", {
  skip: skip || (process.getuid?.() === 0 && !root && "root may write everywhere"),
}, async () => {
  const results = join(place.folder, "read-only");
  mkdirSync(results);
  if (root) execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", results]);
  else chmodSync(results, 0o555);
  try {
    const order = { ...place.order("locked", job(1)), resultDirectory: results };
    await assert.rejects(place.start(order), (error) => {
      assert.ok(error instanceof Error);
      assert.match(
        error.message,
        /read-only.*(cannot|could not) be written|cannot be written to .*read-only/,
      );
      return true;
    });
  } finally {
    if (root) execFileSync("umount", ["-l", results]);
  }
});
