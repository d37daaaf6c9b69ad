/** MODEL.FREEZE_LAYERS_MATCHING: which weights training leaves as they are. */
import type { Config } from "./config.ts";

/** The patterns that weights' names are searched for. */
export const frozenPatterns = (config: Config): string[] =>
  [config.value("MODEL.FREEZE_LAYERS_MATCHING")].flat().map(String);

/** A pattern as a regular expression; undefined where it is none. Python's own additions are not read as something else. */
export function layerPattern(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return undefined;
  }
}
