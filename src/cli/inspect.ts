/** `biapy --inspect`: prints how image files are read, and saves their pixels for comparison. */
import { stat } from "node:fs/promises";
import { Command } from "commander";
import { at } from "../facts/checked-lists.ts";
import { EXIT } from "../facts/exit-codes.ts";
import { writeErrorReason } from "../facts/files/write-file.ts";
import { describeInspection } from "../images/describe.ts";
import { isStore, listImages, openImage } from "../images/files.ts";
import { ImageError, type OpenOptions } from "../images/image.ts";
import { describeNonFinite, type Inspection } from "../images/inspect.ts";
import { inspectApart } from "../images/inspection-thread.ts";
import { saveNpy } from "../images/npy-writer.ts";

interface Arguments {
  readonly inspect: string;
  readonly json?: boolean;
  readonly save?: string;
  readonly axes?: string;
  readonly dataset?: string;
}

function parse(argv: readonly string[]): Arguments {
  const command = new Command("biapy --inspect")
    .description(
      "Prints how image files are read: format, axes with the reason, shape, type, range, pixel size.",
    )
    .requiredOption("--inspect <path>", "image file, or folder of images")
    .option("--json", "print JSON, an object for a file and a list for a folder")
    .option("--save <file.npy>", "write the pixels as [z, y, x, channel]")
    .option("--axes <letters>", "order of the stored axes, such as TZCYX (INPUT_IMG_AXES_ORDER)")
    .option("--dataset <name>", "array to read from a file that holds several")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.badInput));
  command.parse([...argv], { from: "user" });
  return command.opts();
}

/** Inspects a file or the files of a folder. Returns the exit code: bad input if any file cannot be read. */
export async function runInspect(argv: readonly string[]): Promise<number> {
  const given = parse(argv);
  const options: OpenOptions = { axes: given.axes, inside: given.dataset };
  const found = await pathsOf(given.inspect);
  if (found instanceof ImageError) return fault(given, found);
  const { paths, folder } = found;
  if (folder && given.save !== undefined) {
    console.error("--save takes the pixels of one image: name a file after --inspect.");
    return EXIT.badInput;
  }
  let code: number = EXIT.done;
  const documents: object[] = [];
  for (const path of paths) {
    const inspection = await inspected(path, options);
    if (inspection instanceof ImageError || inspection.scan.nonFinite !== undefined) code = EXIT.badInput;
    documents.push(documentOf(path, inspection));
    if (given.json) continue;
    if (inspection instanceof ImageError) console.error(inspection.message);
    else console.log(describeInspection(inspection));
    if (!(inspection instanceof ImageError) && inspection.scan.nonFinite !== undefined)
      console.error(nonFiniteMessage(inspection));
  }
  if (given.json) console.log(JSON.stringify(folder ? documents : documents[0], null, 2));
  if (given.save === undefined || code !== EXIT.done) return code;
  return save(at(paths, 0), given.save, options);
}

/** Returns the files to inspect, and whether the path is a folder of images. */
async function pathsOf(path: string): Promise<{ paths: readonly string[]; folder: boolean } | ImageError> {
  try {
    const kind = await stat(path).catch(() => undefined);
    const folder = kind?.isDirectory() === true && !(await isStore(path));
    return { paths: folder ? await listImages(path) : [path], folder };
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
}

/** Prints why nothing can be inspected. Returns the exit code. */
function fault(given: Arguments, error: ImageError): number {
  if (given.json) console.log(JSON.stringify({ path: given.inspect, error: error.message }, null, 2));
  else console.error(error.message);
  return EXIT.badInput;
}

async function inspected(path: string, options: OpenOptions): Promise<Inspection | ImageError> {
  try {
    return await inspectApart(path, options);
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
}

const nonFiniteMessage = ({ info, scan }: Inspection): string =>
  scan.nonFinite === undefined ? "" : `${info.path}: ${describeNonFinite(scan.nonFinite, info.shape)}.`;

/** Returns an inspection in the form of the JSON output. */
function documentOf(path: string, inspection: Inspection | ImageError): object {
  if (inspection instanceof ImageError) return { path, error: inspection.message };
  const { info, description, scan } = inspection;
  return {
    path,
    format: description.format,
    axes: description.axes,
    axesReason: description.axesReason,
    storedShape: description.storedShape,
    shape: info.shape,
    type: info.sampleType,
    storedType: description.storedType,
    range: scan.range,
    complete: scan.complete,
    nonFinite: scan.nonFinite,
    error: scan.nonFinite && nonFiniteMessage(inspection),
    pixelSize: info.pixelSize,
    compression: description.compression,
    dataset: description.dataset,
    others: description.others,
    files: info.files,
  };
}

/** Writes an image's pixels as a NumPy file. Returns the exit code. */
async function save(path: string, target: string, options: OpenOptions): Promise<number> {
  const source = await openImage(path, options);
  try {
    await saveNpy(target, source);
    return EXIT.done;
  } catch (error) {
    if (error instanceof ImageError) {
      console.error(error.message);
      return EXIT.badInput;
    }
    const reason = writeErrorReason(error);
    if (reason === undefined) throw error;
    console.error(`${target} could not be written: ${reason}.`);
    return EXIT.failed;
  } finally {
    await source.close();
  }
}
