import type { Scope } from "../runtime/scope.ts";

/** The numbered layers of a PyTorch `Sequential`. Every layer takes a number, one without weights too. */
export class Sequence {
  private index = 0;
  constructor(private readonly scope: Scope) {}

  next(): Scope {
    return this.scope.at(String(this.index++));
  }
}
