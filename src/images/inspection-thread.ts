/** Looks at images in a thread of its own: a file that takes too long, or too much memory, is refused and named. */
import { ImageError, type OpenOptions } from "./image.ts";
import type { CheckedImage, Inspection } from "./inspect.ts";
import type { InspectionAnswer, InspectionRequest } from "./inspection-worker.ts";
import { threadScript, WatchedThread } from "./watched-thread.ts";

/** Time that opening a file, or one part of its pixels, may take. */
const PART_MS = 5000;
/** Time for the pixels of one file that `biapy --inspect` names: of the largest it sees a part. */
const PIXEL_MS = 3000;

let current: WatchedThread<InspectionRequest, InspectionAnswer> | undefined;

async function ask(request: InspectionRequest): Promise<InspectionAnswer> {
  if (current === undefined || current.ended)
    current = new WatchedThread(threadScript("inspection-worker", import.meta.url));
  const subject = { path: request.path, work: "looking at it", milliseconds: PART_MS };
  const answer = await current.ask(subject, request);
  return answer === "thread ended" ? ask(request) : answer;
}

/** {@link inspectImage}, in the thread. Throws {@link ImageError}. */
export async function inspectApart(path: string, options?: OpenOptions): Promise<Inspection> {
  const answer = await ask({ kind: "inspect", path, options, milliseconds: PIXEL_MS });
  if (answer.kind === "inspection") return answer.inspection;
  throw new ImageError(path, `${path}: was not inspected.`);
}

/** {@link checkImage}, in the thread. Throws {@link ImageError}. */
export async function checkApart(path: string, options?: OpenOptions): Promise<CheckedImage> {
  const answer = await ask({ kind: "check", path, options });
  if (answer.kind === "checked") return answer.checked;
  throw new ImageError(path, `${path}: was not checked.`);
}
