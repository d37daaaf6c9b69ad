/** Checked access to lists and records. Functions throw a RangeError for a missing element unless they say otherwise. */

/** A list of exactly `Count` elements. */
type Tuple<T, Count extends number, Built extends readonly T[] = readonly []> = Built["length"] extends Count
  ? Built
  : Tuple<T, Count, readonly [...Built, T]>;

const missing = (what: string, wanted: string, { length }: ArrayLike<unknown>) =>
  new RangeError(`${what} must have ${wanted}, not ${length}.`);

/** Returns the element at an index that the list is known to have. */
export function at<T extends NonNullable<unknown>>(list: ArrayLike<T>, index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`Index ${index} is outside a list of ${list.length}.`);
  return element;
}

/** Returns the entry of a record that is known to have the key. */
export function entryOf<T extends NonNullable<unknown>>(record: Readonly<Record<string, T>>, key: string): T {
  const entry = record[key];
  if (entry === undefined)
    throw new RangeError(`There is no ${key} among ${Object.keys(record).join(", ")}.`);
  return entry;
}

/** Returns the last element of a list that is not empty. */
export function lastOf<T extends NonNullable<unknown>>(list: ArrayLike<T>): T {
  return at(list, list.length - 1);
}

function hasExactly<T, Count extends number>(
  list: readonly T[],
  count: Count,
): list is readonly T[] & Tuple<T, Count> {
  return list.length === count;
}

function hasAtLeast<T, Count extends number>(
  list: readonly T[],
  count: Count,
): list is readonly T[] & readonly [...Tuple<T, Count>, ...T[]] {
  return list.length >= count;
}

/**
 * Returns a list as a tuple: `const [batch, tokens, features] = exactly(x.shape, 3, "an attention's input")`.
 *
 * @param what names the list in the error
 */
export function exactly<T, const Count extends number>(
  list: readonly T[],
  count: Count,
  what = "A list",
): Tuple<T, Count> {
  if (!hasExactly(list, count)) throw missing(what, `${count} elements`, list);
  return list;
}

/** Returns a list as a tuple with a rest: `const [outputs, inputs, ...kernel] = atLeast(weight.shape, 2)`. */
export function atLeast<T, const Count extends number>(
  list: readonly T[],
  count: Count,
  what = "A list",
): readonly [...Tuple<T, Count>, ...T[]] {
  if (!hasAtLeast(list, count)) throw missing(what, `at least ${count} elements`, list);
  return list;
}

/**
 * Returns the choice that a text names. Throws a RangeError for another text.
 *
 * @param what names the text in the error
 */
export function oneOf<T extends string>(choices: readonly T[], text: string, what = "The value"): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new RangeError(`${what} must be one of ${choices.join(", ")}, not ${text}.`);
  return found;
}

/** Returns the keys of a record that has no others than its type says. */
export function keysOf<Key extends string>(record: Readonly<Partial<Record<Key, unknown>>>): Key[] {
  return Object.keys(record).filter((key): key is Key => Object.hasOwn(record, key));
}

/** Returns the elements at each index of several lists of numbers of one length: `zip(size, kernel, stride)`. */
export function zip<Lists extends readonly (readonly number[])[]>(
  ...lists: Lists
): { -readonly [List in keyof Lists]: number }[];
export function zip(...lists: readonly (readonly number[])[]): number[][] {
  const [first = []] = lists;
  if (lists.some((list) => list.length !== first.length))
    throw new RangeError(`Lists of ${lists.map((list) => list.length).join(", ")} elements do not match.`);
  return first.map((_, index) => lists.map((list) => at(list, index)));
}

/** Returns the product of numbers, such as the number of elements of a shape; 1 for an empty list. */
export function product(numbers: readonly number[]): number {
  return numbers.reduce((result, each) => result * each, 1);
}

function hasKeys<T, Key extends string>(
  record: Readonly<Record<string, T>>,
  keys: readonly Key[],
): record is Readonly<Record<Key, T>> {
  return keys.every((key) => record[key] !== undefined);
}

/** Returns a record that is known to have the keys: `const { images, targets } = entriesOf(inputs, "images", "targets")`. */
export function entriesOf<T extends NonNullable<unknown>, const Key extends string>(
  record: Readonly<Record<string, T>>,
  ...keys: readonly Key[]
): Readonly<Record<Key, T>> {
  if (!hasKeys(record, keys))
    throw new RangeError(`${keys.join(", ")} are not all among ${Object.keys(record).join(", ")}.`);
  return record;
}
