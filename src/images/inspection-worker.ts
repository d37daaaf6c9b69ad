/** The thread in which the command line looks at images before it uses them, bundled as `dist/inspection-worker.mjs`. */
import type { OpenOptions } from "./image.ts";
import { type CheckedImage, checkImage, type Inspection, inspectImage } from "./inspect.ts";
import { serveRequests } from "./watched-thread.ts";

export type InspectionRequest =
  | {
      readonly kind: "inspect";
      readonly path: string;
      readonly options?: OpenOptions;
      readonly milliseconds: number;
    }
  | { readonly kind: "check"; readonly path: string; readonly options?: OpenOptions };

export type InspectionAnswer =
  | { readonly kind: "inspection"; readonly inspection: Inspection }
  | { readonly kind: "checked"; readonly checked: CheckedImage };

/** Time for the pixels of one image of floating point before a run: of the largest a part is looked at. */
const CHECK_MS = 60_000;

serveRequests<InspectionRequest, InspectionAnswer>(async (request, progress) => {
  const { path, options } = request;
  if (request.kind === "check")
    return {
      kind: "checked",
      checked: await checkImage(path, options, { progress, milliseconds: CHECK_MS }),
    };
  const { milliseconds } = request;
  return { kind: "inspection", inspection: await inspectImage(path, options, { milliseconds, progress }) };
});
