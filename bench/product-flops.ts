/** Floating-point operations of a graph's matrix products and convolutions. */
import type { GraphDefinition } from "../src/runtime/onnx/model-proto.ts";
import { valueTypes } from "../src/runtime/onnx/value-shapes.ts";

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

export function productFlops(graph: GraphDefinition): number {
  const types = valueTypes(graph);
  const shape = (name: string | undefined) => types.get(name ?? "")?.shape ?? [];
  return graph.nodes.reduce((sum, { operator, inputs, outputs, attributes }) => {
    const [result, first, second] = [shape(outputs[0]), shape(inputs[0]), shape(inputs[1])];
    if (operator === "Conv" || operator === "FusedConv")
      return sum + 2 * sizeOf(result) * sizeOf(second.slice(1));
    if (operator === "ConvTranspose") return sum + 2 * sizeOf(first) * sizeOf(second.slice(1));
    if (!["MatMul", "Gemm", "FusedMatMul"].includes(operator)) return sum;
    const inner = first.at(attributes.transA === 1 ? -2 : -1) ?? 1;
    return sum + 2 * sizeOf(result) * inner;
  }, 0);
}
