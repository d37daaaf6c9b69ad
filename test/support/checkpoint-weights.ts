import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";

/** Returns the values of all tensors of a checkpoint, by name. */
export async function weightsOf(path: string): Promise<ReadonlyMap<string, Float64Array>> {
  const checkpoint = await loadBiapyCheckpoint(path);
  const values = new Map<string, Float64Array>();
  for (const [name, tensor] of checkpoint.weights)
    values.set(name, Float64Array.from(await tensor.read(), Number));
  await checkpoint.close();
  return values;
}
