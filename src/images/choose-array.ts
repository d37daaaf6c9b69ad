/** Chooses the image among the arrays of a file: HDF5, Zarr, N5 and NumPy files also hold tables and labels. */
import { product } from "../facts/checked-lists.ts";

export interface Candidate {
  /** Its place in the file, such as `volumes/raw`. */
  readonly place: string;
  readonly shape: readonly number[];
  /** Whether its values are numbers that an image can have. */
  readonly numeric: boolean;
}

/** Image names of BiaPy, Fiji, ilastik, BigDataViewer and Imaris. */
const IMAGES =
  /^(raw|data|image|images|img|volume|volumes|input|exported_data|cells|em|main|intensity|signal|channel\d*|s0|0)$/i;
/** Names of arrays that accompany images. */
const COMPANIONS =
  /(label|mask|segment|ground|annot|resolution|subdivision|location|point|coord|table|bbox|thumbnail|preview|affinit|weight|landmark|histo|prob|predict|target|instance|distance|flow|feature|embedding|psf|background)|^(gt|seg|lut)$/i;

/** Images have at least this many pixels along two axes; tables have fewer rows or columns. */
const LEAST_SIDE = 8;

/** Returns the image's array and the other readable arrays; undefined if no array has two to five axes. */
export function chooseArray<T extends Candidate>(
  candidates: readonly T[],
): { chosen: T; others: readonly T[] } | undefined {
  const readable = candidates.filter(
    ({ shape, numeric }) => numeric && shape.length >= 2 && shape.length <= 5 && !shape.includes(0),
  );
  const ranked = [...readable].sort((a, b) => rank(b) - rank(a) || size(b) - size(a));
  const [chosen] = ranked;
  return chosen && { chosen, others: readable.filter((each) => each !== chosen) };
}

/** Whether an array of this name accompanies an image: labels, masks, tables. */
const accompanies = (place: string) => place.split("/").some((part) => COMPANIONS.test(part));

/** Whether an array of this name is an image, by its name: `volumes/raw`. */
export const isImageName = (place: string): boolean =>
  IMAGES.test(place.split("/").at(-1) ?? "") && !accompanies(place);

const size = ({ shape }: Candidate) => product(shape);

/** Ranks a candidate by its shape first, then by its name. */
function rank({ place, shape }: Candidate): number {
  const parts = place.split("/");
  const [, second = 0] = [...shape].sort((a, b) => b - a);
  const named = IMAGES.test(parts.at(-1) ?? "") ? 1 : 0;
  const companion = accompanies(place) ? 0 : 2;
  return (second >= LEAST_SIDE ? 4 : 0) + companion + named;
}
