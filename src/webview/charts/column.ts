/** A growing list of numbers in one typed array. */
export class Column {
  private buffer: Float64Array;
  private length: number;

  constructor(values: Float64Array = new Float64Array(0)) {
    this.buffer = values;
    this.length = values.length;
  }

  push(value: number): void {
    if (this.length === this.buffer.length) {
      const larger = new Float64Array(Math.max(64, this.length * 2));
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer[this.length++] = value;
  }

  /** Pads with NaN up to a length. */
  extend(length: number): void {
    while (this.length < length) this.push(Number.NaN);
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, length);
  }

  get values(): Float64Array {
    return this.buffer.subarray(0, this.length);
  }
}
