/** What decoders of pictures return. */
import type { SampleArray } from "./image.ts";

/** A decoded picture, `[y, x, sample]`. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly samples: number;
  readonly data: SampleArray;
}

/** A kind of compression that is not decoded, as a noun: `lossless JPEG`. */
export class UnreadCompression extends Error {}
