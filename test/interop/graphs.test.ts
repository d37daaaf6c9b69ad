/** Graphs that BIAPY_DUMP_GRAPHS writes, judged by ONNX's own checker. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { compileTraining } from "../../src/training/training-step.ts";
import { maeProgram } from "../support/programs.ts";
import { python, skip } from "./python.ts";

const JUDGE = `
import json, sys, onnx
said = {}
for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=False)
    said[path] = [node.name for node in model.graph.node]
print(json.dumps(said))
`;

test("graphs for the CPU and for devices are whole ONNX models whose nodes name their layers", {
  skip,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "biapy-graphs-"));
  process.env.BIAPY_DUMP_GRAPHS = folder;
  const program = maeProgram([16, 16]);
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  try {
    new OnnxRuntime(1).compile(program, parameters, { gradients: true }).release();
    const device = new DeviceRuntime({ provider: { kind: "cpu" } }, "CPU", 1);
    const optimizer = { kind: "sgd", momentum: 0, weightDecay: 0 } as const;
    compileTraining(device, program, parameters, { optimizer, clipNorm: 0, precision: "mixed" }).release();
    const files = readdirSync(folder).map((name) => join(folder, name));
    assert.equal(files.length, 2);
    const said = execFileSync(python, ["-c", JUDGE, ...files], { encoding: "utf8" });
    for (const names of Object.values<string[]>(JSON.parse(said))) {
      assert.ok(
        names.some((name) => name.startsWith("blocks.0.attn.qkv/")),
        names.slice(0, 40).join("\n"),
      );
      assert.ok(names.some((name) => name.startsWith("gradient/blocks.0.attn.qkv/")));
      assert.equal(new Set(names).size, names.length);
    }
  } finally {
    delete process.env.BIAPY_DUMP_GRAPHS;
    rmSync(folder, { recursive: true });
    await parameters.close();
  }
});
