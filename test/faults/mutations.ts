/** Damage as transfers, disks and hostile hands do it. */
import type { Random } from "../../src/data/random.ts";

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const place = (bytes: Buffer, random: Random, room = 1) =>
  random.integer(Math.max(1, bytes.length - room + 1));

/** Numbers that readers trip over. */
const NUMBERS = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

const binary: readonly Mutation[] = [
  (bytes, random) => {
    for (let change = 1 + random.integer(4); change > 0; change--)
      bytes[place(bytes, random)] ^= 1 << random.integer(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[place(bytes, random)] = random.integer(256);
    return bytes;
  },
  // A number of two, four or eight bytes, of either order, at the beginning more often: headers lie there.
  (bytes, random) => {
    const width = [2, 4, 8][random.integer(3)];
    if (bytes.length < width) return bytes;
    const most = bytes.length - width;
    const at = random.uniform() < 0.5 ? random.integer(Math.min(most, 512) + 1) : random.integer(most + 1);
    const value = random.uniform() < 0.3 ? at : NUMBERS[random.integer(NUMBERS.length)];
    const number = BigInt(value) & ((1n << BigInt(8 * width)) - 1n);
    const digits = Array.from({ length: width }, (_, index) => Number((number >> BigInt(8 * index)) & 0xffn));
    bytes.set(random.uniform() < 0.5 ? digits : digits.reverse(), at);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const start = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + 1 + random.integer(64))]);
  },
  (bytes, random) => {
    const start = place(bytes, random);
    const part = bytes.subarray(start, start + 1 + random.integer(64));
    return Buffer.concat([bytes.subarray(0, start), part, bytes.subarray(start)]);
  },
  (bytes, random) => bytes.fill(random.integer(256), place(bytes, random), place(bytes, random)),
];

/** What stands in place of values and names of text files. */
const TOKENS = [
  "null",
  "NaN",
  "-1",
  "0",
  "1e999",
  "9007199254740993",
  "99999999999999999999",
  "true",
  '""',
  "[]",
  "{}",
  "[[[[[[[[]]]]]]]]",
  '"__proto__"',
  '"constructor"',
  '"../../x"',
  '"\\u0000"',
  "\t",
  "\u2028",
  "🔬",
  "- - - -",
  "&a [*a]",
  "<<: x",
  "(1,",
  "'",
  "x".repeat(5000),
  "[".repeat(3000),
];

const text: readonly Mutation[] = [
  // A word is replaced.
  (bytes, random) => {
    const words = [...bytes.toString("latin1").matchAll(/"[^"\n]*"|[\w.+-]+/g)];
    const word = words[random.integer(Math.max(1, words.length))];
    if (word === undefined) return bytes;
    const token = Buffer.from(TOKENS[random.integer(TOKENS.length)]);
    return Buffer.concat([bytes.subarray(0, word.index), token, bytes.subarray(word.index + word[0].length)]);
  },
  // A line goes, comes twice, or swaps its place.
  (bytes, random) => {
    const lines = bytes.toString("latin1").split("\n");
    const [one, other] = [random.integer(lines.length), random.integer(lines.length)];
    const kind = random.integer(3);
    if (kind === 0) lines.splice(one, 1);
    else if (kind === 1) lines.splice(other, 0, lines[one]);
    else [lines[one], lines[other]] = [lines[other], lines[one]];
    return Buffer.from(lines.join("\n"), "latin1");
  },
];

/** Damages a file's bytes in one to three ways. */
export function damaged(whole: Buffer, isText: boolean, random: Random): Buffer {
  let bytes = Buffer.from(whole);
  for (let change = 1 + random.integer(3); change > 0; change--) {
    const kinds = isText && random.uniform() < 0.7 ? text : binary;
    bytes = Buffer.from(kinds[random.integer(kinds.length)](bytes, random));
  }
  return bytes;
}
