/** Floating-point operations of a graph's matrix products and convolutions. */
import { product } from "../src/facts/checked-lists.ts";
import type { Subgraph } from "../src/runtime/onnx/model-proto.ts";
import { valueTypes } from "../src/runtime/onnx/value-shapes.ts";

/** Counts two operations for each multiplication and addition. */
export function productFlops(graph: Subgraph): number {
  const types = valueTypes(graph);
  const shape = (name: string | undefined) => types.get(name ?? "")?.shape ?? [];
  return graph.nodes.reduce((sum, { operator, inputs, outputs, attributes, body }) => {
    if (body !== undefined) return sum + productFlops(body);
    const [result, first, second] = [shape(outputs[0]), shape(inputs[0]), shape(inputs[1])];
    if (operator === "Conv" || operator === "FusedConv")
      return sum + 2 * product(result) * product(second.slice(1));
    if (operator === "ConvTranspose") return sum + 2 * product(first) * product(second.slice(1));
    if (!["MatMul", "Gemm", "FusedMatMul"].includes(operator)) return sum;
    const inner = first.at(attributes.transA === 1 ? -2 : -1) ?? 1;
    return sum + 2 * product(result) * inner;
  }, 0);
}
