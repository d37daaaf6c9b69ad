/** Finds the image among the datasets of an HDF5 file. */
import * as h5wasm from "h5wasm/node";
import { type Candidate, chooseArray, isImageName } from "./choose-array.ts";
import { storedTypeOf } from "./hdf5-values.ts";
import { ImageError } from "./image.ts";

/** Limits of a search: a file may hold millions of objects. */
const [MOST_DEPTH, MOST_OBJECTS] = [64, 10_000];

/** A link whose target is not there. */
interface BrokenLink {
  readonly place: string;
  readonly target: string;
}

interface Found extends Candidate {
  readonly dataset: h5wasm.Dataset;
}

/** Returns the dataset that is most like an image, and the places of the others. Throws {@link ImageError} if none or too many are found. */
export function searchImage(
  path: string,
  file: h5wasm.File,
): { readonly found: h5wasm.Dataset; readonly others: string[] } {
  const { datasets, broken, exceeded, more } = search(file);
  if (exceeded !== undefined)
    throw new ImageError(
      path,
      `${path}: holds more than ${exceeded}, too many to find its image. Name its dataset (INPUT_ZARR_MULTIPLE_DATA_RAW_PATH, --dataset).`,
    );
  const candidates = datasets.map(
    (dataset): Found => ({
      place: dataset.path.replace(/^\//, ""),
      shape: dataset.shape ?? [],
      numeric: typeof storedTypeOf(dataset.metadata) === "string",
      dataset,
    }),
  );
  const choice = chooseArray(candidates);
  const lost = broken.find(({ place }) => isImageName(place));
  // The image itself may lie in a file that is not there, and what remains be its labels.
  if (lost !== undefined && (choice === undefined || !isImageName(choice.chosen.place)))
    throw new ImageError(
      path,
      `${path}: its ${lost.place} is a link to ${lost.target}, which is not there. Copy all files of the set, or name another dataset.`,
    );
  if (choice !== undefined)
    return {
      found: choice.chosen.dataset,
      others: [...choice.others.map(({ dataset }) => dataset.path), ...more],
    };
  const listed = datasets.slice(0, 3).map(({ path: place, shape }) => `${place} (${shape?.join(" x ")})`);
  const what = listed.length === 0 ? "it holds none" : `it holds ${listed.join(", ")}`;
  throw new ImageError(path, `${path}: holds no dataset with two to five axes of numbers; ${what}.`);
}

interface Search {
  readonly datasets: h5wasm.Dataset[];
  readonly broken: BrokenLink[];
  /** The limit at which the search ended, if not all groups were searched. */
  readonly exceeded: string | undefined;
  /** Places that were not searched, because they hold further time points of the same image. */
  readonly more: readonly string[];
}

interface Waiting {
  readonly group: h5wasm.Group;
  readonly names: readonly string[];
  /** The groups on the way to it, each by its address and what it holds. */
  readonly above: readonly string[];
}

/** BigDataViewer's group of a time point. */
const TIME_POINT = /^t\d{5}$/;

function search(file: h5wasm.File): Search {
  const datasets: h5wasm.Dataset[] = [];
  const broken: BrokenLink[] = [];
  const top = file.keys();
  const [first, ...later] = top.filter((name) => TIME_POINT.test(name));
  const names = first === undefined ? top : top.filter((name) => !later.includes(name));
  const waiting: Waiting[] = [{ group: file, names, above: [] }];
  let objects = 0;
  let exceeded: string | undefined;
  for (const { group, names, above } of waiting)
    for (const name of names) {
      if (++objects > MOST_OBJECTS)
        return { datasets, broken, exceeded: `${MOST_OBJECTS} objects`, more: [] };
      const item = group.get(name);
      const place = `${group.path}/${name}`.replace(/^\/+/, "");
      if (item instanceof h5wasm.Dataset) datasets.push(item);
      else if (item instanceof h5wasm.BrokenSoftLink) broken.push({ place, target: item.target });
      else if (item instanceof h5wasm.ExternalLink)
        broken.push({ place, target: `${item.obj_path} of ${item.filename}` });
      else if (item instanceof h5wasm.Group) {
        const keys = item.keys();
        const mark = identity(item, keys);
        // Links may lead back to a group above.
        if (above.includes(mark)) continue;
        if (above.length < MOST_DEPTH) waiting.push({ group: item, names: keys, above: [...above, mark] });
        else exceeded = `${MOST_DEPTH} groups, one in another`;
      }
    }
  return { datasets, broken, exceeded, more: later.map((name) => `/${name}`) };
}

/** Returns what tells a group from others: its address, which a group of another file may share, and its names. */
const identity = (group: h5wasm.Group, keys: readonly string[]): string =>
  `${Buffer.from(group.create_reference().ref_data).toString("hex")} ${keys.join("/")}`;
