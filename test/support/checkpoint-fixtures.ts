/** Checkpoints and arrays that PyTorch, BiaPy, NumPy and safetensors wrote (test/fixtures/make_checkpoints.py). */
import { join } from "node:path";

/** Returns the path of a file. */
export const checkpointFixture = (name: string): string =>
  join(import.meta.dirname, "../fixtures/checkpoint", name);
