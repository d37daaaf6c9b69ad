/** Descriptions of keys and groups of keys, for readers who know microscopy. */
import descriptions from "./descriptions.json" with { type: "json" };

/** By dotted name, in Markdown: one to four sentences, with units and an example where that helps. */
export const keyDescriptions: ReadonlyMap<string, string> = new Map(Object.entries(descriptions));
