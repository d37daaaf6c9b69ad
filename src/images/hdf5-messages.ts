/** What the thread that reads HDF5 files is asked, and what it answers. */
import type { Strided } from "./axes.ts";
import type { OpenOptions, SampleType } from "./image.ts";
import type { Probe } from "./stored-array.ts";

export type Ranges = readonly (readonly [from: number, to: number])[];

export type Hdf5Request =
  | { readonly kind: "open"; readonly path: string; readonly options: OpenOptions }
  /** Reads a box of the image that an `open` returned under the number `file`. */
  | { readonly kind: "read"; readonly file: number; readonly ranges: Ranges }
  | { readonly kind: "close"; readonly file: number };

/** An image that the thread has opened: all that a {@link Probe} says, without its functions. */
export interface OpenedImage extends Omit<Probe, "array"> {
  readonly file: number;
  readonly shape: readonly number[];
  readonly sampleType: SampleType;
  readonly chunks: readonly number[];
}

export type Hdf5Answer =
  | { readonly kind: "opened"; readonly image: OpenedImage }
  | { readonly kind: "values"; readonly values: Strided }
  | { readonly kind: "closed" };
