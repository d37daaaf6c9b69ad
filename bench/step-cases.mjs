/** The networks that `bench:steps` trains: those of test/fixtures/models, with BiaPy 3.7.1's build arguments. */
import { readFileSync } from "node:fs";

const mae = { reference: "mae_random_2d", space: [128, 128], batch: 4 };
const levels = [1, 1, 1, 1];

/** Networks with their own sizes. All others use the patch of their fixture. */
const SIZED = [
  { name: "mae", title: "MAE, ViT-B", ...mae, changes: { img_size: 128 } },
  {
    name: "mae_small",
    title: "MAE, small",
    ...mae,
    changes: { img_size: 128, embed_dim: 384, depth: 6, num_heads: 6 },
  },
  { name: "unet_2d", title: "U-Net", reference: "unet_2d", space: [256, 256], batch: 4 },
  {
    // The network halves z four times, so BiaPy requires a multiple of 16.
    name: "unet_3d",
    title: "U-Net",
    reference: "unet_3d",
    space: [48, 128, 128],
    batch: 1,
    changes: { image_shape: "(48, 128, 128, 1)" },
  },
  {
    name: "unet_2d_segmentation",
    title: "U-Net, segmentation (CE + Dice)",
    ...{ reference: "unet_2d", space: [256, 256], batch: 4, loss: "segmentation" },
  },
  {
    name: "unet_2d_noise2void",
    title: "U-Net, Noise2Void",
    ...{ reference: "unet_2d", space: [256, 256], batch: 4, loss: "noise2void" },
  },
  { name: "rcan_2d", title: "RCAN", reference: "rcan_2d", space: [128, 128], batch: 4 },
  { name: "unetr_2d", title: "UNETR", reference: "unetr_2d", space: [256, 256], batch: 4 },
];

/** BiaPy's own templates for self-supervision. They take up to 20 GB, so they run only if they are named. */
const TEMPLATES = [
  { name: "template_2d", title: "crappify template", reference: "unet_2d", space: [256, 256], batch: 12 },
  {
    name: "template_3d",
    title: "crappify template",
    reference: "unet_3d",
    space: [40, 128, 128],
    batch: 12,
    changes: { image_shape: "(40, 128, 128, 1)", z_down: levels },
  },
  {
    name: "template_mae",
    title: "masking template",
    reference: "mae_random_2d",
    space: [1024, 1024],
    batch: 1,
    changes: { img_size: 1024 },
  },
];

const OTHERS = [
  ...["attention_unet", "dfcan", "hrnet", "multiresunet", "resunet", "resunet_se", "resunetpp", "seunet"],
  ...["stunet", "unext_v1", "unext_v2"],
].flatMap((name) => [`${name}_2d`, `${name}_3d`]);

const referenceFile = (reference) => new URL(`../test/fixtures/models/${reference}.json`, import.meta.url);
const referenceOf = (name) => JSON.parse(readFileSync(referenceFile(name), "utf8"));

function caseOf(reference) {
  const { class: title, input_patch_size: patch, ndim } = referenceOf(reference);
  return { name: reference, title, reference, space: patch.slice(0, -1), batch: ndim === 2 ? 2 : 1 };
}

/**
 * Returns the cases that arguments select: names of cases, `2d` or `3d`, `templates`, `all`. Defaults to those of docs/benchmarks.md.
 *
 * @throws Error for an unknown argument
 */
export function chosenCases(words) {
  const all = [
    ...SIZED,
    ...[...OTHERS, "wdsr_2d", "edsr_rgb_asis_2d", "rcan_3d", "unetr_3d", "mae_random_3d"].map(caseOf),
  ];
  if (words.length === 0) return SIZED;
  return words.flatMap((word) => {
    if (word === "all") return all;
    if (word === "templates") return TEMPLATES;
    if (word === "2d" || word === "3d") return all.filter(({ space }) => space.length === Number(word[0]));
    const found = [...all, ...TEMPLATES].filter(({ name }) => name === word);
    if (found.length === 0)
      throw new Error(
        `No case is named ${word}; there are: ${[...all, ...TEMPLATES].map((each) => each.name).join(", ")}.`,
      );
    return found;
  });
}

/** Returns arguments with Python dictionaries, which fixtures hold as text, as objects. */
const withDictionaries = (build) =>
  Object.fromEntries(
    Object.entries(build).map(([name, value]) => [
      name,
      `${value}`.startsWith("{") ? JSON.parse(value.replaceAll("'", '"')) : value,
    ]),
  );

/** Returns a case as JSON for both sides: architecture, class in BiaPy, build arguments, sizes, loss. */
export function described({ reference, space, batch, changes, loss = "mse" }, settings) {
  const { architecture, class: className, build_args } = referenceOf(reference);
  const build = { ...withDictionaries(build_args), ...changes };
  const channels = Number(build.num_channels ?? build.in_chans ?? 1);
  return JSON.stringify({ architecture, className, build, space, channels, batch, loss, ...settings });
}
