/** What each key and each group of keys is for, in words for a person who knows microscopy. */
import descriptions from "./descriptions.json" with { type: "json" };

/** By dotted name, in Markdown: one to four sentences, with units and an example where that helps. */
export const keyDescriptions: ReadonlyMap<string, string> = new Map(Object.entries(descriptions));
