/** Which plane of an image each page of a TIFF holds, from what ImageJ and OME write into the ImageDescription. */

export interface PageLayout {
  readonly z: number;
  /** Channels that lie on pages of their own (samples of a pixel come on top). */
  readonly channels: number;
  /** Page number of a plane. */
  page(z: number, channel: number): number;
}

/** Sizes of the axes beyond y and x, the one that varies fastest from page to page first. */
type AxisSizes = readonly (readonly [axis: "z" | "c" | "t", size: number])[];

function imageJSizes(description: string): AxisSizes | undefined {
  if (!description.startsWith("ImageJ=")) return undefined;
  const value = (name: string) => Number(new RegExp(`^${name}=(\\d+)`, "m").exec(description)?.[1] ?? 1);
  const [images, channels, frames] = [value("images"), value("channels"), value("frames")];
  const slices = /^slices=/m.test(description) ? value("slices") : images / channels / frames;
  return [
    ["c", channels],
    ["z", slices],
    ["t", frames],
  ];
}

/** OME's model 2016-06: `DimensionOrder` such as XYZCT and `SizeZ`, `SizeC`, `SizeT` of the first `Pixels`. */
function omeSizes(description: string, samples: number): AxisSizes | undefined {
  const pixels = /<(?:\w+:)?Pixels\s[^>]*>/.exec(description)?.[0];
  if (pixels === undefined) return undefined;
  const attribute = (name: string) => new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)["']`).exec(pixels)?.[1];
  const order = attribute("DimensionOrder") ?? "XYZCT";
  return [...order.slice(2).toLowerCase()].map((axis) => {
    const size = Number(attribute(`Size${axis.toUpperCase()}`) ?? 1);
    return [axis as "z" | "c" | "t", axis === "c" ? size / samples : size] as const;
  });
}

/**
 * How the planes of an image lie on its pages. Time points stand in for z where there is one z-slice only.
 *
 * @param pages counts the pages, asked only where the description does not tell
 * @returns the layout, or what is wrong with the file in words
 */
export async function pageLayout(
  description: string,
  samples: number,
  pages: () => Promise<number>,
): Promise<PageLayout | string> {
  const told = imageJSizes(description) ?? omeSizes(description, samples);
  const sizes: AxisSizes = told ?? [["z", await pages()]];
  const size = (axis: string) => sizes.find(([name]) => name === axis)?.[1] ?? 1;
  if (![...sizes].every(([, each]) => Number.isInteger(each) && each > 0)) {
    return "its description and its pages do not agree on how many slices and channels it has. Save it again in Fiji.";
  }
  if (size("t") > 1 && size("z") > 1) {
    return `it holds ${size("t")} time points of ${size("z")} slices. Save each time point as a file of its own.`;
  }
  const depth = size("t") > 1 ? "t" : "z";
  const strides = new Map<string, number>();
  let stride = 1;
  for (const [axis, each] of sizes) {
    strides.set(axis, stride);
    stride *= each;
  }
  const step = (axis: string) => strides.get(axis) ?? 0;
  return { z: size(depth), channels: size("c"), page: (z, channel) => z * step(depth) + channel * step("c") };
}
