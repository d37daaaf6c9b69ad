/** The thread that looks at images before they are used, bundled as `dist/inspection-worker.mjs`. */
import { openImage } from "./files.ts";
import type { ImageDescription, ImageInfo, OpenOptions } from "./image.ts";
import { type CheckedImage, checkImage, type Inspection, inspectImage } from "./inspect.ts";
import { serveRequests } from "./watched-thread.ts";

export interface InspectionRequest {
  readonly kind: "describe" | "inspect" | "check";
  readonly path: string;
  readonly options?: OpenOptions;
  /** Time for scanning the pixels: of the largest images only a part is scanned. */
  readonly milliseconds: number;
}

/** How an image is stored. */
export interface DescribedImage {
  readonly info: ImageInfo;
  readonly description: ImageDescription;
}

export type InspectionAnswer =
  | { readonly kind: "described"; readonly described: DescribedImage }
  | { readonly kind: "inspection"; readonly inspection: Inspection }
  | { readonly kind: "checked"; readonly checked: CheckedImage };

async function describe(path: string, options?: OpenOptions): Promise<DescribedImage> {
  const source = await openImage(path, options);
  await source.close();
  const { info, description } = source;
  return { info, description };
}

serveRequests<InspectionRequest, InspectionAnswer>(
  async ({ kind, path, options, milliseconds }, progress) => {
    const settings = { progress, milliseconds };
    if (kind === "describe") return { kind: "described", described: await describe(path, options) };
    if (kind === "check") return { kind: "checked", checked: await checkImage(path, options, settings) };
    return { kind: "inspection", inspection: await inspectImage(path, options, settings) };
  },
);
