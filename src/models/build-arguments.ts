/** The arguments of networks, by BiaPy's names. */
import { at, oneOf } from "../facts/checked-lists.ts";

/** A value of a build argument. */
export type BuildValue =
  | string
  | number
  | boolean
  | readonly BuildValue[]
  | { readonly [name: string]: BuildValue };

/** The arguments that BiaPy builds a network with, as its checkpoints store them (`model_build_kwargs`). */
export type BuildArguments = Readonly<Record<string, BuildValue>>;

const isGroup = (value: BuildValue | undefined): value is BuildArguments =>
  typeof value === "object" && !Array.isArray(value);

/** Reads typed values from build arguments. */
export class ArgumentReader {
  constructor(readonly build: BuildArguments) {}
  has(name: string): boolean {
    return this.build[name] !== undefined;
  }
  /** Throws a RangeError where the value is missing or not a number. */
  number(name: string): number {
    const value = Number(this.build[name]);
    if (Number.isNaN(value))
      throw new RangeError(`The build argument ${name} must be a number, not ${this.build[name]}.`);
    return value;
  }
  text(name: string): string {
    return String(this.build[name]);
  }
  /** Throws where the value is none of `choices`. */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    return oneOf(choices, this.text(name), name);
  }
  /** Reads a list, a number, or a tuple as text: `(256, 256, 1)`. */
  numbers(name: string): number[] {
    const value = this.build[name];
    if (typeof value === "string") return (value.match(/[\d.]+/g) ?? []).map(Number);
    return [value].flat().map(Number);
  }
  /** Reads the first number of a list. */
  first(name: string): number {
    return at(this.numbers(name), 0);
  }
  /** Reads a list of booleans, or one boolean. */
  flags(name: string): boolean[] {
    return [this.build[name]].flat().map((each) => each === true);
  }
  /** Reads a list of lists. */
  rows(name: string): number[][] {
    const value = this.build[name];
    return Array.isArray(value) ? value.map((row) => [row].flat().map(Number)) : [];
  }
  /** Reads nested arguments. */
  group(name: string): ArgumentReader {
    const value = this.build[name];
    return new ArgumentReader(isGroup(value) ? value : {});
  }
}
