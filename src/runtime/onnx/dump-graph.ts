import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeModel, type Subgraph } from "./model-proto.ts";

let dumped = 0;

/**
 * Returns a program's graph, or a part of it, as the bytes of an ONNX model. Where the environment variable `BIAPY_DUMP_GRAPHS` names a
 * folder, it also writes them there as `001-training.onnx` and so on, for Netron and onnxruntime's tools. Nodes are named by layer and
 * kernel.
 *
 * @param purpose of the graph, part of the file name: `training`, `gradients`, `prediction`
 */
export function programModel(graph: Subgraph, purpose: string): Uint8Array {
  const model = encodeModel(graph);
  const folder = process.env.BIAPY_DUMP_GRAPHS;
  if (folder) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${String(++dumped).padStart(3, "0")}-${purpose}.onnx`), model);
  }
  return model;
}
