import { type KeyType, keyFacts } from "./keys.ts";

/** The key types of each generated type name. */
const NAMES = {
  FlagKey: ["bool"],
  NumberKey: ["int", "float", "NoneType"],
  TextKey: ["str"],
  ListKey: ["list", "tuple"],
} as const satisfies Readonly<Record<string, readonly KeyType[]>>;

/** Returns the text of `key-names.ts`: the names of BiaPy's keys as types, by the kind of their values. */
export function keyNamesText(): string {
  const unions = Object.entries(NAMES).map(([name, types]: [string, readonly KeyType[]]) => {
    const keys = [...keyFacts].filter(([, { type }]) => types.includes(type)).map(([key]) => `  | "${key}"`);
    return `/** Keys of type ${types.join(", ")}. */\nexport type ${name} =\n${keys.join("\n")};\n`;
  });
  const all = `/** Every key of BiaPy 3.7.1, by its dotted name. */\nexport type Key = ${Object.keys(NAMES).join(" | ")};\n`;
  return [`// Written by \`npm run schema\` from biapy-keys.json.\n`, all, ...unions].join("\n");
}
