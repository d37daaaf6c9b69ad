/** A key whose value in a configuration differs from BiaPy's default. Values are as written in a file. */
export interface ChangedKey {
  readonly key: string;
  readonly value: string;
  readonly defaultValue: string;
  /** 1-based. */
  readonly line: number;
}
