/** The command line that the embedded engine makes of an order and the settings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { embeddedEngine } from "../../src/extension/engines/embedded.ts";

const order = {
  configFile: "/cells.yaml",
  resultDirectory: "/results",
  name: "cells",
  runId: 1,
  resume: false,
  gpu: "",
  workingDirectory: "/",
};

async function given(partSize: number): Promise<readonly string[]> {
  const engine = embeddedEngine(
    "cli.mjs",
    () => "",
    () => "",
    () => "single",
    () => partSize,
  );
  return (await engine.command(order)).args;
}

test("the setting of parts is passed on, 0 stands for the whole batch, and others are refused by the setting's name", async () => {
  assert.ok(!(await given(0)).includes("--part_size"));
  const args = await given(4);
  assert.equal(args[args.indexOf("--part_size") + 1], "4");
  for (const wrong of [-1, 2.5, Number.NaN])
    await assert.rejects(given(wrong), /biapy\.run\.partSize must be a whole number/);
});
