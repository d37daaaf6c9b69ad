/** Names of results: the image's name without extension, as in BiaPy, unless two images would share one. */

import { basename } from "node:path";
import { at } from "../facts/checked-lists.ts";
import type { Problem, ReportEvent } from "../facts/run-events.ts";
import type { ImageInfo } from "../images/image.ts";
import { imageName } from "./write-image.ts";

/** Returns the file name of an image's results, without their extension. */
export const resultName = ({ path, resultName }: Pick<ImageInfo, "path" | "resultName">): string =>
  resultName ?? imageName(path);

/**
 * Returns the results' names for images of one folder. `a.png` and `a.tif` keep their extensions, since both would be `a`: `a.png` and
 * `a.tif`. File systems may ignore case.
 */
export function resultNames(paths: readonly string[]): string[] {
  const whole = new Set<number>();
  const names = () => paths.map((path, index) => (whole.has(index) ? basename(path) : imageName(path)));
  for (;;) {
    const found = names();
    const owners = new Map<string, number[]>();
    for (const [index, name] of found.entries()) {
      const key = name.toLowerCase();
      owners.set(key, [...(owners.get(key) ?? []), index]);
    }
    const shared = [...owners.values()]
      .filter((indices) => indices.length > 1)
      .flat()
      .filter((index) => !whole.has(index));
    if (shared.length === 0) return found;
    for (const index of shared) whole.add(index);
  }
}

/** Bytes of the longest name that file systems take. */
const LONGEST_NAME = 255;
/** Bytes that results add to a name: `_reconstruction_and_visible.tif`, and what marks it while it is written. */
const ADDED = 50;

/** Returns the problem of an image whose results would have longer names than file systems take; undefined for others. */
export function nameProblem(info: ImageInfo): Problem | undefined {
  const bytes = Buffer.byteLength(resultName(info));
  if (bytes + ADDED <= LONGEST_NAME) return undefined;
  const message = `${basename(info.path)}: its name is too long, because results have longer names. Rename it to at most ${LONGEST_NAME - ADDED} letters without the ending (bytes in UTF-8; it has ${bytes}).`;
  return { severity: "error", file: info.path, message };
}

/** Returns images with the names of their results; reports names that are longer than BiaPy's. */
export function withResultNames(infos: readonly ImageInfo[], report: ReportEvent): ImageInfo[] {
  const names = resultNames(infos.map(({ path }) => path));
  const longer = names.filter((name, index) => name !== imageName(at(infos, index).path));
  if (longer.length > 0) {
    const listed = longer.slice(0, 4).map((name) => `${name}.tif`);
    const more = longer.length > listed.length ? "…" : "";
    const message = `Some images differ only in their extensions. Their results keep these: ${listed.join(", ")}${more}.`;
    report({ event: "log", level: "warning", message });
  }
  return infos.map((info, index) => ({ ...info, resultName: names[index] }));
}
