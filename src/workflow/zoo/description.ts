/** `rdf.yaml`, the description of a package by bioimageio.spec 0.5 (https://bioimage-io.github.io/spec-bioimage-io). */

import { createHash } from "node:crypto";
import { stringify } from "yaml";
import packageFile from "../../../package.json" with { type: "json" };
import { architectureOf, axesOf, workflowOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { unsaidSteps, type ZooDescription } from "../../config/zoo-settings.ts";
import { ARCHITECTURES, isEmbedded } from "../../facts/architectures.ts";
import { BIAPY_VERSION } from "../../facts/biapy-version.ts";
import { at } from "../../facts/checked-lists.ts";
import { ARCHITECTURE_PAPERS, BIAPY, type Citation, NOISE2VOID } from "./citations.ts";
import { INPUT, OUTPUT, type ZooNetwork } from "./networks.ts";
import type { Processing } from "./processing.ts";
import { SOURCE_FILE } from "./torch-architecture.ts";

const FORMAT = "0.5.7";
/** The version that packages of this program are tested with. */
const PYTORCH = "2.13.0";

/** Files of a package. */
export const FILES = {
  description: "rdf.yaml",
  documentation: "README.md",
  cover: "cover.png",
  onnx: "weights.onnx",
  torch: "weights.pt",
  environment: "environment.yaml",
  source: SOURCE_FILE,
  input: "test_input.npy",
  output: "test_output.npy",
} as const;

/** Tolerance of other programs' predictions, relative to the test output's largest value. */
const TOLERANCE = 1e-3;

/** Returns the absolute tolerance. The format allows at most a hundredth of the largest value. */
const absoluteTolerance = ([least, largest]: readonly [number, number]): number =>
  Math.max(0, Math.min(TOLERANCE * Math.max(-least, largest), 0.009 * largest));

/** The content of a package. */
export interface PackageFacts {
  readonly config: Config;
  readonly about: ZooDescription;
  readonly network: ZooNetwork;
  /** The shape of the test input, `[1, channel, (z,) y, x]`. */
  readonly shape: readonly number[];
  /** Step between the sizes that the ONNX model accepts, for each axis including batch and channels; 0 for one size. */
  readonly steps: readonly number[];
  readonly preprocessing: readonly Processing[];
  readonly postprocessing: readonly Processing[];
  /** Smallest and largest value of the test input. */
  readonly range: readonly [number, number];
  /** Smallest and largest value of the test output. */
  readonly outputRange: readonly [number, number];
  /** The configuration's text, which rebuilds the network here and in BiaPy. */
  readonly configText: string;
  readonly opset: number;
}

/** Returns a package's title. Those of a masked autoencoder's two packages name the part. */
export const titleOf = ({ about, network }: Pick<PackageFacts, "about" | "network">): string =>
  network.part === undefined ? about.name : `${about.name} (${network.part})`;

const PARTS = {
  encoder:
    "The encoder of a masked autoencoder: features of every token, for further training, clustering or classification. It does not return an image.",
  reconstruction:
    "A masked autoencoder: it always hides the same tokens of an image and fills them in from the others. It shows what was learned; it does not improve images.",
} as const;

/** Returns the user's tags and BiaPy's own tags for a model. */
function tagsOf({ config, about }: PackageFacts): string[] {
  const problem = config
    .text("PROBLEM.TYPE")
    .toLowerCase()
    .replaceAll("_", "-")
    .replace(/seg$/, "segmentation");
  const architecture = architectureOf(config).replaceAll("_", "-");
  const dimensions = config.text("PROBLEM.NDIM").toLowerCase();
  return [...new Set([...about.tags, dimensions, "pytorch", "onnx", "biapy", problem, architecture])];
}

function citationsOf({ config, about }: PackageFacts): Partial<Citation & { url: string }>[] {
  const architecture = architectureOf(config);
  const papers = isEmbedded(architecture) ? ARCHITECTURE_PAPERS[architecture] : [];
  const method = workflowOf(config) === "denoising" ? [NOISE2VOID] : [];
  const own = about.cite;
  const known = new Set(own.map(({ doi }) => doi));
  return [...own, ...[BIAPY, ...papers, ...method].filter(({ doi }) => !known.has(doi))];
}

/**
 * Returns the number of pixels at each border of a prediction that lack context: DATA.TEST.PADDING, or an eighth of the patch if not set.
 */
function halos({ config, shape, network }: PackageFacts): number[] {
  const padding = config.numbers("DATA.TEST.PADDING");
  return shape.slice(2).map((size, axis) => {
    const pixels = padding.some((each) => each > 0) ? (padding[axis] ?? 0) : Math.floor(size / 16) * 2;
    return Math.floor(pixels / network.reduction);
  });
}

const channelNames = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}${index}`);

function inputAxes({ config, shape, steps }: PackageFacts): object[] {
  const space = axesOf(config).map((id, axis) => {
    const [size, step] = [shape[axis + 2], steps[axis + 2]];
    return { type: "space", id, size: step === 0 ? size : { min: size, step } };
  });
  return [
    { type: "batch" },
    { type: "channel", channel_names: channelNames("channel", at(shape, 1)) },
    ...space,
  ];
}

function outputAxes(facts: PackageFacts): object[] {
  const { config, network } = facts;
  const ofImage = network.restores ? "channel" : "class";
  const name = network.part === "encoder" ? "feature" : ofImage;
  const space = halos(facts).map((halo, axis) => {
    const id = axesOf(config)[axis];
    const scale = network.reduction === 1 ? {} : { scale: network.reduction };
    const border = halo === 0 ? {} : { halo };
    return { type: "space", id, size: { tensor_id: INPUT, axis_id: id }, ...scale, ...border };
  });
  return [
    { type: "batch" },
    { type: "channel", channel_names: channelNames(name, network.outputChannels) },
    ...space,
  ];
}

/** Files by their names in the package. */
type Files = ReadonlyMap<string, Uint8Array>;

function file(files: Files, name: string): { source: string; sha256: string } {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Error(`The package has no ${name}.`);
  return { source: name, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function weights({ network, opset }: PackageFacts, files: Files): object {
  const { torch } = network;
  const onnx = { ...file(files, FILES.onnx), opset_version: opset };
  if (torch === undefined) return { onnx };
  const { callable, module, arguments: kwargs } = torch;
  const architecture =
    module === undefined
      ? { ...file(files, FILES.source), callable, kwargs }
      : { callable, import_from: module, kwargs };
  const pytorch_state_dict = {
    ...file(files, FILES.torch),
    architecture,
    pytorch_version: PYTORCH,
    dependencies: file(files, FILES.environment),
  };
  return { onnx: { ...onnx, parent: "pytorch_state_dict" }, pytorch_state_dict };
}

/** Returns the conda environment that PyTorch's weights need. */
export const environment = (): string =>
  stringify({
    name: "biapy",
    channels: ["conda-forge"],
    dependencies: ["python >=3.11", "pip", { pip: [`torch==${PYTORCH}`, `biapy==${BIAPY_VERSION}`] }],
  });

/** Returns operations as `rdf.yaml` has them: without `kwargs` if they have no arguments. */
const operations = (list: readonly Processing[]) =>
  list.map(({ id, kwargs }) => (Object.keys(kwargs).length === 0 ? { id } : { id, kwargs }));

/** Returns the text of `rdf.yaml`. */
export function description(facts: PackageFacts, files: Files): string {
  const { about, network, preprocessing, postprocessing, range, configText } = facts;
  const [least, largest] = range;
  const { dataset } = about;
  const tensor = (id: string, axes: object[], test: string) => ({
    id,
    axes,
    test_tensor: file(files, test),
  });
  const people = about.authors.map((author) => ({ ...author }));
  return stringify(
    {
      format_version: FORMAT,
      type: "model",
      name: titleOf(facts),
      description:
        network.part === undefined
          ? about.description
          : `${about.description} ${PARTS[network.part]}`.slice(0, 1024),
      version: about.version,
      authors: people,
      maintainers: people,
      license: about.license,
      documentation: FILES.documentation,
      covers: [FILES.cover],
      tags: tagsOf(facts),
      cite: citationsOf(facts),
      ...(dataset.dataset_id === undefined ? {} : { training_data: { id: dataset.dataset_id } }),
      inputs: [
        {
          ...tensor(INPUT, inputAxes(facts), FILES.input),
          data: { type: "float32", range: [null, null] },
          preprocessing: operations(preprocessing),
        },
      ],
      outputs: [
        { ...tensor(OUTPUT, outputAxes(facts), FILES.output), postprocessing: operations(postprocessing) },
      ],
      weights: weights(facts, files),
      config: {
        bioimageio: {
          reproducibility_tolerance: [
            {
              output_ids: [OUTPUT],
              relative_tolerance: TOLERANCE,
              absolute_tolerance: absoluteTolerance(facts.outputRange),
            },
          ],
        },
        biapy_studio: {
          version: packageFile.version,
          ...(network.part === undefined ? {} : { part: network.part }),
          test_input_range: [least, largest],
          configuration: configText,
        },
      },
    },
    { lineWidth: 0 },
  );
}

/** Returns what the network's output means, as a sentence. */
function outputMeaning({ config, network, postprocessing }: PackageFacts): string {
  if (network.part === "encoder") {
    const block = axesOf(config).map(() => network.reduction);
    return `Features: ${network.outputChannels} for each ${block.join(" x ")} pixels.`;
  }
  if (!network.restores) return "Probabilities of the classes.";
  if (postprocessing.length > 0) return "An image in the range of the input.";
  return "An image in normalized values: mean and deviation (or range) of the input convert it back.";
}

/** Returns the default text of `README.md`. */
export function documentation(facts: PackageFacts): string {
  const { config, about, network, shape, steps, preprocessing, postprocessing } = facts;
  const title = ARCHITECTURES.get(architectureOf(config))?.title ?? architectureOf(config);
  const axes = axesOf(config);
  const sizes = axes.map((axis, index) =>
    steps[index + 2] === 0
      ? `${axis}: ${shape[index + 2]}`
      : `${axis}: ${shape[index + 2]} and more, in steps of ${steps[index + 2]}`,
  );
  const list = (operations: readonly Processing[]) =>
    operations.length === 0
      ? "none"
      : operations.map(({ id, kwargs }) => `\`${id}\` ${JSON.stringify(kwargs)}`).join(", ");
  const unsaid = unsaidSteps(config);
  const { dataset } = about;
  const data = [dataset.name, dataset.image_modality, dataset.doi].filter((each) => each !== undefined);
  return `# ${titleOf(facts)}

${about.description}
${network.part === undefined ? "" : `\n${PARTS[network.part]}\n`}
${title}, trained by BiaPy Studio from a BiaPy configuration, which \`rdf.yaml\` holds (\`config.biapy_studio.configuration\`).
${data.length === 0 ? "" : `\nTraining data: ${data.join(", ")}.\n`}
## Use

- Input: float32 images in their own range, \`[batch, channel, ${axes.join(", ")}]\`; ${sizes.join("; ")}.
${unsaid.length === 0 ? "" : `- The images were prepared by ${unsaid.map((step) => `\`${step}\``).join(", ")} of the configuration, which no package can say: prepare yours in the same way.\n`}- Before the network: ${list(preprocessing)}.
- After it: ${list(postprocessing)}.
- Output: ${outputMeaning(facts)}

\`${FILES.onnx}\` has standard operators of ONNX only.${network.torch === undefined ? " BiaPy's class does not take these patches, so that there are no weights for PyTorch." : ` \`${FILES.torch}\` are the same weights for BiaPy ${BIAPY_VERSION} (\`pip install biapy\`).`}

## Validation

\`bioimageio test\` compares the network's output for \`${FILES.input}\` with \`${FILES.output}\`. Compare predictions of images that the
network has not seen with what you expect before you rely on it.
`;
}
