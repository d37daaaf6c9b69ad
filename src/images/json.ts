/** Values of JSON files, whose kinds are checked before they are used. */

export type JsonObject = { readonly [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object, or an empty one where the value is none. */
export const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});

export const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const asText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Numbers, where all elements are; else undefined. */
export function asNumbers(value: unknown): number[] | undefined {
  const list = asArray(value);
  return Array.isArray(value) && list.every((each) => typeof each === "number")
    ? list.map(Number)
    : undefined;
}
