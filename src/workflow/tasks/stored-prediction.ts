import { existsSync } from "node:fs";
import { readImage } from "../../images/files.ts";
import type { Image, ImageShape } from "../../images/image.ts";

/** Returns the prediction that an earlier run wrote (TEST.REUSE_PREDICTIONS), if there is one of the shape `[z, y, x, channel]`. */
export async function storedPrediction(path: string, shape: ImageShape): Promise<Image | undefined> {
  if (!existsSync(path)) return undefined;
  const stored = await readImage(path);
  return String(stored.shape) === String(shape) ? stored : undefined;
}
