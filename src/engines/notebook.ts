/** A notebook for Google Colab (or any Jupyter) that installs BiaPy, finds the images and runs a configuration. */
import { BIAPY_VERSION } from "../facts/biapy-version.ts";
import { jobNameArgument, wholeNumber } from "./arguments.ts";

export interface NotebookJob {
  readonly name: string;
  readonly runId: number;
  /** The configuration's text. */
  readonly configuration: string;
  /** Keys of the folders in the configuration, such as `DATA.TRAIN.PATH`, with the folders' names. */
  readonly folders: readonly { readonly key: string; readonly folder: string }[];
}

interface Cell {
  readonly cell_type: "markdown" | "code";
  readonly id: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly source: readonly string[];
  readonly execution_count?: null;
  readonly outputs?: readonly never[];
}

/** Returns the notebook file's text (nbformat 4.5). Throws `ArgumentError` for a name that is more than a name. */
export function colabNotebook(given: NotebookJob): string {
  const job = { ...given, name: jobNameArgument(given.name), runId: wholeNumber(given.runId, "The run") };
  const cells = [
    markdown(
      "title",
      `# ${job.name}\n\nTrains with [BiaPy](https://biapyx.github.io) ${BIAPY_VERSION}. Choose a GPU first: *Runtime › Change runtime type*. Then run the cells from top to bottom.`,
    ),
    markdown(
      "install-title",
      "## 1. Install BiaPy\n\nIf Colab asks for it, restart the session after this cell and continue with the next one.",
    ),
    code("install", `%pip install -q biapy==${BIAPY_VERSION}`),
    markdown(
      "images-title",
      "## 2. Your images\n\nFolders in Google Drive, or uploaded in the panel on the left.",
    ),
    code("images", imagesCell(job)),
    markdown("configuration-title", "## 3. The configuration"),
    code("configuration", configurationCell(job)),
    markdown("run-title", "## 4. Train and test"),
    code("tensorboard", "%load_ext tensorboard\n%tensorboard --logdir {result_dir}"),
    code("run", runCell()),
    markdown("results-title", "## 5. Results"),
    code("results", resultsCell()),
  ];
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      accelerator: "GPU",
      colab: { name: `${job.name}.ipynb`, provenance: [] },
      kernelspec: { display_name: "Python 3", language: "python", name: "python3" },
      language_info: { name: "python" },
    },
    cells,
  };
  return `${JSON.stringify(notebook, null, 1)}\n`;
}

/** Splits a text into lines with their line breaks, as notebooks store it. */
function lines(text: string): string[] {
  return text.split(/(?<=\n)/);
}

function markdown(id: string, text: string): Cell {
  return { cell_type: "markdown", id, metadata: {}, source: lines(text) };
}

function code(id: string, text: string): Cell {
  return { cell_type: "code", id, metadata: {}, execution_count: null, outputs: [], source: lines(text) };
}

/** Writes a Python literal: JSON strings are valid Python. */
const python = (value: unknown) => JSON.stringify(value);

function imagesCell({ name, runId, folders }: NotebookJob): string {
  const fields = folders.map(
    ({ key, folder }) =>
      `${variable(key)} = ${python(`/content/drive/MyDrive/${folder}`)} #@param {type:"string"}`,
  );
  const checked = folders.map(({ key }) => `${python(key)}: ${variable(key)}`).join(", ");
  return `import os

try:
    from google.colab import drive
    drive.mount("/content/drive")
except ImportError:
    print("Not on Colab: the folders below are taken from this machine.")

#@markdown Folders of images, and where results go:
${fields.join("\n")}
result_dir = "/content/drive/MyDrive/biapy_results" #@param {type:"string"}
job_name = ${python(name)}
run_id = ${runId}

folders = {${checked}}
for key, folder in folders.items():
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{key}: there is no folder {folder}. Correct it above and run this cell again.")
os.makedirs(result_dir, exist_ok=True)
`;
}

/** `DATA.TRAIN.PATH` -> `data_train_path`. */
function variable(key: string): string {
  return key.toLowerCase().replaceAll(".", "_");
}

function configurationCell({ configuration }: NotebookJob): string {
  return `import json, yaml

# The configuration as it was in the editor.
configuration = yaml.safe_load(json.loads(r'''${pythonRaw(JSON.stringify(configuration))}'''))

for key, folder in folders.items():
    *groups, last = key.split(".")
    section = configuration
    for group in groups:
        section = section.setdefault(group, {})
    section[last] = folder

config_file = os.path.join(result_dir, f"{job_name}.yaml")
with open(config_file, "w") as file:
    yaml.safe_dump(configuration, file, sort_keys=False)
print(open(config_file).read())
`;
}

/** Escapes single quotes, so that the JSON text fits between triple quotes. */
function pythonRaw(json: string): string {
  return json.replaceAll("'", "\\u0027");
}

function runCell(): string {
  return `import subprocess, sys, torch

gpu = "0" if torch.cuda.is_available() else ""
command = ["biapy", "--config", config_file, "--result_dir", result_dir, "--name", job_name, "--run_id", str(run_id), "--gpu", gpu]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
for line in process.stdout:
    print(line, end="")
if process.wait() != 0:
    raise RuntimeError("BiaPy ended with an error: its last lines above say why.")
`;
}

function resultsCell(): string {
  return `import glob, matplotlib.pyplot as plt, tifffile

folder = os.path.join(result_dir, job_name, "results", f"{job_name}_{run_id}", "per_image")
images = sorted(glob.glob(os.path.join(folder, "*.tif")))[:6]
figure, axes = plt.subplots(1, max(len(images), 1), figsize=(4 * max(len(images), 1), 4), squeeze=False)
for axis, path in zip(axes[0], images):
    image = tifffile.imread(path)
    while image.ndim > 2:
        image = image[image.shape[0] // 2]
    axis.imshow(image, cmap="gray")
    axis.set_title(os.path.basename(path), fontsize=8)
    axis.axis("off")
plt.show()
print("All results:", folder)
`;
}
