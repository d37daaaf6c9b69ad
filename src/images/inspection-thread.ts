/** Looks at images in a thread of its own: a file that takes too long, or too much memory, is refused and named. */
import { ImageError, type OpenOptions } from "./image.ts";
import type { CheckedImage, Inspection } from "./inspect.ts";
import type { DescribedImage, InspectionAnswer, InspectionRequest } from "./inspection-worker.ts";
import { threadScript, WatchedThread } from "./watched-thread.ts";

/** Time that opening a file, or one part of its pixels, may take. */
const PART_MS = 5000;
/** Time for the pixels of one file that is inspected: of the largest it sees a part. */
const PIXEL_MS = 3000;
/** Time for the pixels of one image of floating point before a run. */
const CHECK_MS = 60_000;

let current: WatchedThread<InspectionRequest, InspectionAnswer> | undefined;

async function ask(request: InspectionRequest): Promise<InspectionAnswer> {
  if (current === undefined || current.ended) current = startThread(request.path);
  const subject = { path: request.path, work: "looking at it", milliseconds: PART_MS };
  const answer = await current.ask(subject, request);
  return answer === "thread ended" ? ask(request) : answer;
}

function startThread(path: string): WatchedThread<InspectionRequest, InspectionAnswer> {
  try {
    return new WatchedThread(threadScript("inspection-worker", import.meta.url));
  } catch {
    throw new ImageError(path, `${path}: cannot be looked at. This computer has too little free memory.`);
  }
}

/** Opens an image in the thread and describes it. Throws {@link ImageError}. */
export async function describeApart(path: string, options?: OpenOptions): Promise<DescribedImage> {
  const answer = await ask({ kind: "describe", path, options, milliseconds: 0 });
  if (answer.kind === "described") return answer.described;
  throw new ImageError(path, `${path}: was not described.`);
}

/** {@link inspectImage}, in the thread. Throws {@link ImageError}. */
export async function inspectApart(
  path: string,
  options?: OpenOptions,
  milliseconds = PIXEL_MS,
): Promise<Inspection> {
  const answer = await ask({ kind: "inspect", path, options, milliseconds });
  if (answer.kind === "inspection") return answer.inspection;
  throw new ImageError(path, `${path}: was not inspected.`);
}

/** {@link checkImage}, in the thread. Throws {@link ImageError}. */
export async function checkApart(
  path: string,
  options?: OpenOptions,
  milliseconds = CHECK_MS,
): Promise<CheckedImage> {
  const answer = await ask({ kind: "check", path, options, milliseconds });
  if (answer.kind === "checked") return answer.checked;
  throw new ImageError(path, `${path}: was not checked.`);
}
