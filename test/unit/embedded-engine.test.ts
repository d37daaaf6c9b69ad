/** The embedded engine: its command line, its device, and a Node.js that is missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EmbeddedSettings, embeddedEngine } from "../../src/extension/engines/embedded.ts";

const order = {
  configFile: "/cells.yaml",
  resultDirectory: "/results",
  name: "cells",
  runId: 1,
  resume: false,
  gpu: "",
  workingDirectory: "/",
};

const engine = (settings: Partial<EmbeddedSettings> = {}) =>
  embeddedEngine("cli.mjs", () => ({
    ...{ nodePath: "", runtime: "", precision: "single", partSize: 0 },
    ...settings,
  }));

const argumentsOf = async (change: Partial<typeof order>, settings?: Partial<EmbeddedSettings>) =>
  (await engine(settings).command({ ...order, ...change })).args;

test("an order and the settings become arguments; defaults are left out", async () => {
  const base = [
    ...["cli.mjs", "--config", "/cells.yaml", "--result_dir", "/results", "--name", "cells", "--run_id", "1"],
  ];
  assert.deepEqual(await argumentsOf({}), [...base, "--events"]);
  assert.deepEqual(await argumentsOf({ gpu: "0", resume: true }, { runtime: "wasm", precision: "mixed" }), [
    ...base,
    "--gpu",
    "0",
    "--resume",
    "--runtime",
    "wasm",
    "--precision",
    "mixed",
    "--events",
  ]);
});

test("a Node.js that does not run makes the engine unavailable, with the setting to correct", async () => {
  const broken = engine({ nodePath: "no-such-node" });
  const detected = await broken.detect();
  assert.ok(!detected.available);
  assert.match(detected.reason, /no-such-node does not run/);
  assert.match(detected.fix, /biapy\.run\.nodePath/);
  await assert.rejects(broken.command(order), /no-such-node does not run/);
});

test("a run occupies the device that its order names", () => {
  const deviceOf = (gpu: string) => engine().device({ ...order, gpu });
  const gpus = ["", "auto", "cpu", "1", "0,1", "cuda:1", "mps"];
  assert.deepEqual(gpus.map(deviceOf), ["any", "any", "cpu", "gpu:1", "gpu:0", "gpu:1", "gpu:0"]);
});

test("the setting of parts is passed on; 0 is the whole batch; a wrong value is refused with the setting's name", async () => {
  assert.ok(!(await argumentsOf({}, { partSize: 0 })).includes("--part_size"));
  const args = await argumentsOf({}, { partSize: 4 });
  assert.equal(args[args.indexOf("--part_size") + 1], "4");
  for (const partSize of [-1, 2.5, Number.NaN])
    await assert.rejects(argumentsOf({}, { partSize }), /biapy\.run\.partSize must be a whole number/);
});
