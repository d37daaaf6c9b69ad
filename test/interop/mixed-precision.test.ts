/** What a training in mixed precision leaves, opened by PyTorch. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { smallRun } from "../support/mixed-run.ts";
import { python, skip } from "./python.ts";

const JUDGE = `
import json, sys, torch
from biapy.models.mae import MaskedAutoencoderViT
saved = torch.load(sys.argv[1], weights_only=True)
model = MaskedAutoencoderViT(**{**saved["model_build_kwargs"], "device": torch.device("cpu")})
model.load_state_dict(saved["model"])
model.eval()
torch.manual_seed(0)
tensors = saved["model"].values()
print(json.dumps({
    "dtypes": sorted({str(t.dtype) for t in tensors}),
    "finite": all(bool(torch.isfinite(t).all()) for t in tensors),
    "loss": float(model(torch.zeros(1, 1, 64, 64))["loss"]),
}))
`;

test("weights trained in mixed precision are float32 and load in BiaPy and PyTorch", {
  skip,
}, async () => {
  const { tree } = await smallRun("judged", { precision: "mixed" });
  const said = execFileSync(python, ["-c", JUDGE, tree.bestCheckpoint], { encoding: "utf8" });
  const { dtypes, finite, loss } = JSON.parse(said.trim().split("\n").at(-1) ?? "");
  assert.deepEqual([dtypes, finite], [["torch.float32"], true]);
  assert.ok(Number.isFinite(loss), `the loss is ${loss}`);
});
