/** Which of a step's inputs can lie in the same memory as what becomes of them. */
import type { GraphDefinition, NodeDefinition } from "./model-proto.ts";

/** Operators whose result lies where their first operand does. */
const SAME_MEMORY = new Set(["Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten"]);

/**
 * The inputs that their outputs may overwrite: nothing reads them that has not run by then, and not the operator that writes the
 * output itself, since a GPU cannot read a buffer that it writes.
 *
 * @param outputs the output of each input, by names
 */
export function overwritable(
  { nodes }: GraphDefinition,
  outputs: Readonly<Record<string, string>>,
): ReadonlySet<string> {
  const readers = new Map<string, NodeDefinition[]>();
  const makers = new Map<string, NodeDefinition>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
    for (const output of node.outputs) makers.set(output, node);
  }
  /** All operators that read a value, or one that lies in its memory. */
  const readersOf = (value: string): NodeDefinition[] =>
    (readers.get(value) ?? []).flatMap((node) =>
      SAME_MEMORY.has(node.operator) && node.inputs[0] === value
        ? [node, ...readersOf(node.outputs[0])]
        : [node],
    );
  const found = Object.entries(outputs).filter(([input, output]) => {
    const writer = makers.get(output);
    if (writer === undefined) return false;
    const waiting = new Set(readersOf(input));
    return !waiting.has(writer) && runBefore(writer, waiting, makers);
  });
  return new Set(found.map(([input]) => input));
}

/** Whether an operator needs all the others, directly or not. */
function runBefore(
  last: NodeDefinition,
  others: ReadonlySet<NodeDefinition>,
  makers: ReadonlyMap<string, NodeDefinition>,
): boolean {
  const missing = new Set(others);
  const seen = new Set([last]);
  const next = [last];
  for (let node = next.pop(); node !== undefined && missing.size > 0; node = next.pop()) {
    for (const input of node.inputs) {
      const maker = makers.get(input);
      if (maker === undefined || seen.has(maker)) continue;
      seen.add(maker);
      missing.delete(maker);
      next.push(maker);
    }
  }
  return missing.size === 0;
}
