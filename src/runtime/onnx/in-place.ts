/** Which inputs of a training step can share memory with their new values. */
import type { GraphDefinition, NodeDefinition } from "./model-proto.ts";

/** Operators whose result shares memory with their first operand. */
const SAME_MEMORY = new Set(["Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten"]);

/**
 * Returns the inputs that their new values may overwrite: every operator that reads the input has run before the one that writes the
 * output. The writer itself must not read the input, since a GPU cannot read a buffer that it writes.
 *
 * @param outputs the name of the output that holds each input's new value, by the input's name
 */
export function overwritable(
  { nodes }: GraphDefinition,
  outputs: Readonly<Record<string, string>>,
): ReadonlySet<string> {
  const readers = new Map<string, NodeDefinition[]>();
  const producers = new Map<string, NodeDefinition>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
    for (const output of node.outputs) producers.set(output, node);
  }
  /** Returns all operators that read a value, or another value in the same memory. */
  const readersOf = (value: string): NodeDefinition[] =>
    (readers.get(value) ?? []).flatMap((node) => {
      const isSame = SAME_MEMORY.has(node.operator) && node.inputs[0] === value;
      return isSame ? [node, ...node.outputs.flatMap(readersOf)] : [node];
    });
  const found = Object.entries(outputs).filter(([input, output]) => {
    const writer = producers.get(output);
    if (writer === undefined) return false;
    const reading = new Set(readersOf(input));
    return !reading.has(writer) && dependsOnAll(writer, reading, producers);
  });
  return new Set(found.map(([input]) => input));
}

/** Whether an operator depends on all the others, directly or indirectly, and so runs after them. */
function dependsOnAll(
  last: NodeDefinition,
  others: ReadonlySet<NodeDefinition>,
  producers: ReadonlyMap<string, NodeDefinition>,
): boolean {
  const missing = new Set(others);
  const seen = new Set([last]);
  const next = [last];
  for (let node = next.pop(); node !== undefined && missing.size > 0; node = next.pop()) {
    for (const input of node.inputs) {
      const producer = producers.get(input);
      if (producer === undefined || seen.has(producer)) continue;
      seen.add(producer);
      missing.delete(producer);
      next.push(producer);
    }
  }
  return missing.size === 0;
}
