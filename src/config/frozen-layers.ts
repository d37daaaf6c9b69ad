/** MODEL.FREEZE_LAYERS_MATCHING: the weights that training freezes. */
import type { Config } from "./config.ts";

/** Patterns that are searched for in weights' names. */
export const frozenPatterns = (config: Config): string[] =>
  [config.value("MODEL.FREEZE_LAYERS_MATCHING")].flat().map(String);

/** Converts a pattern to a regular expression; undefined if it is invalid or uses Python's extensions. */
export function layerPattern(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return undefined;
  }
}
