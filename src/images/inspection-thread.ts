/** Looks at images in a thread of its own: a file that takes too long, or too much memory, is refused and named. */
import { threadScript } from "../facts/files/thread-script.ts";
import type { OpenOptions } from "./image.ts";
import type { CheckedImage, Inspection } from "./inspect.ts";
import type { DescribedImage, InspectionAnswer, InspectionRequest } from "./inspection-worker.ts";
import { LOOK, startThread, type WatchedThread } from "./watched-thread.ts";

/** Time for the pixels of one file that is inspected: of the largest it sees a part. */
const PIXEL_MS = 3000;
/** Time for the pixels of one image of floating point before a run. */
const CHECK_MS = 60_000;

let current: WatchedThread<InspectionRequest, InspectionAnswer> | undefined;

/** Asks the thread, and returns its answer of this kind. */
async function ask<Kind extends InspectionAnswer["kind"]>(
  request: InspectionRequest,
  kind: Kind,
): Promise<Extract<InspectionAnswer, { readonly kind: Kind }>> {
  const { path } = request;
  if (current === undefined || current.ended)
    current = startThread(threadScript("inspection-worker", import.meta.url), path);
  const answer = await current.ask({ path, ...LOOK }, request);
  if (answer === "thread ended") return ask(request, kind);
  if (isOf(answer, kind)) return answer;
  throw new Error("The inspection thread answered another question.");
}

const isOf = <Kind extends InspectionAnswer["kind"]>(
  answer: InspectionAnswer,
  kind: Kind,
): answer is Extract<InspectionAnswer, { readonly kind: Kind }> => answer.kind === kind;

/** Opens an image in the thread and describes it. Throws {@link ImageError}. */
export async function describeApart(path: string, options?: OpenOptions): Promise<DescribedImage> {
  return (await ask({ kind: "describe", path, options, milliseconds: 0 }, "described")).described;
}

/** {@link inspectImage}, in the thread. Throws {@link ImageError}. */
export async function inspectApart(
  path: string,
  options?: OpenOptions,
  milliseconds = PIXEL_MS,
): Promise<Inspection> {
  return (await ask({ kind: "inspect", path, options, milliseconds }, "inspection")).inspection;
}

/** {@link checkImage}, in the thread. Throws {@link ImageError}. */
export async function checkApart(
  path: string,
  options?: OpenOptions,
  milliseconds = CHECK_MS,
): Promise<CheckedImage> {
  return (await ask({ kind: "check", path, options, milliseconds }, "checked")).checked;
}
