"""Makes packages of the BioImage Model Zoo with networks in ONNX that are not BiaPy's, and predicts images with them by bioimageio.core.

Takes a folder; writes there a folder for each package with `rdf.yaml`, `images/image.tif` and `judged.npy` (z, y, x, channel)."""

import sys
import warnings
from hashlib import sha256
from pathlib import Path

warnings.filterwarnings("ignore")
import numpy as np
import onnx
import tifffile
import torch
import yaml
from bioimageio.core import create_prediction_pipeline, load_model_description
from bioimageio.core.digest_spec import create_sample_for_model
from bioimageio.spec import ValidationContext
from loguru import logger
from torch import nn

logger.remove()
torch.manual_seed(1)
random = np.random.default_rng(2)


class ChannelsLast(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class OfBytes(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x.float() / 255)


def local(inputs, outputs, ndim=2):
    """Sees five pixels around each, by operators that BiaPy's networks do not have."""
    conv = nn.Conv3d if ndim == 3 else nn.Conv2d
    return nn.Sequential(
        conv(inputs, 6, 3, padding=1),
        nn.Mish(),
        conv(6, 6, 3, padding=2, dilation=2),
        nn.Hardswish(),
        conv(6, outputs, 5, padding=2),
        nn.Softsign(),
    )


def of_whole_images(inputs, outputs):
    """Normalizes by the whole image, so that it sees all of it."""
    return nn.Sequential(local(inputs, 6), nn.InstanceNorm2d(6), nn.GLU(1), nn.Conv2d(3, outputs, 1))


SPACE = ["z", "y", "x"]


def axes_of(text, channels, size=None, halo=0, output=False):
    """Axes by spec 0.5."""
    found = []
    for letter in text:
        if letter == "b":
            found.append({"type": "batch"})
        elif letter == "t":
            given = {"tensor_id": "raw", "axis_id": "time"} if output else 1
            found.append({"type": "time", "size": given})
        elif letter == "c":
            found.append({"type": "channel", "channel_names": [f"c{i}" for i in range(channels)]})
        else:
            given = {"tensor_id": "raw", "axis_id": letter} if output else size[letter]
            border = {"halo": halo} if output and halo else {}
            found.append({"type": "space", "id": letter, "size": given, **border})
    return found


ABOUT = {
    "type": "model",
    "description": "A network with random weights.",
    "authors": [{"name": "Ada Example", "github_user": "bioimageiobot"}],
    "cite": [{"text": "none", "url": "https://example.org"}],
    "license": "CC-BY-4.0",
    "tags": [],
    "covers": [],
    "documentation": "README.md",
}


def written(folder, network, example, names, dynamic, external=False):
    """Exports a network. Returns its entry for `weights`."""
    path = folder / "weights.onnx"
    torch.onnx.export(
        network.eval(),
        (torch.from_numpy(example),),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["given"],
        output_names=["made"],
        dynamic_axes={name: dynamic for name in ["given", "made"]} if dynamic else None,
    )
    entry = {"source": path.name, "opset_version": 17}
    if external:
        model = onnx.load(path)
        path.unlink()
        onnx.save_model(
            model, path, save_as_external_data=True, location="weights.onnx.data", size_threshold=0
        )
        data = folder / "weights.onnx.data"
        entry["external_data"] = {"source": data.name, "sha256": sha256(data.read_bytes()).hexdigest()}
    entry["sha256"] = sha256(path.read_bytes()).hexdigest()
    return entry


def image_of(shape, dtype):
    """`[z, y, x, channel]`: smooth structures and noise."""
    grid = np.meshgrid(*[np.linspace(0, 5, size) for size in shape[:3]], indexing="ij")
    base = np.sin(grid[0] + 2 * grid[1]) + np.cos(3 * grid[2])
    values = np.stack([base * (c + 1) + random.normal(0, 0.3, shape[:3]) for c in range(shape[3])], -1)
    values = (values - values.min()) / (values.max() - values.min())
    return (values * {"uint8": 250, "uint16": 4000, "float32": 3}[dtype] + 2).astype(dtype)


def make(root, name, network, axes, image, size, pre, post, channels, halo=0, version="0.5.4", **others):
    """A package in a folder, its image, and what bioimageio.core makes of it."""
    folder = root / name
    (folder / "images").mkdir(parents=True)
    (folder / "README.md").write_text("Nothing.")
    space = [axis for axis in axes if axis in SPACE]
    inputs = image.shape[-1]
    # Exported for the smallest size.
    least = {axis: size[axis]["min"] if isinstance(size[axis], dict) else size[axis] for axis in space}
    example_shape = [1 if a in "bt" else inputs if a == "c" else least[a] for a in axes]
    example = np.ones(example_shape, others.get("input_type", "float32"))
    dynamic = {i: a for i, a in enumerate(axes) if a in size and isinstance(size[a], dict)}
    entry = written(folder, network, example, axes, dynamic, others.get("external", False))
    with torch.no_grad():
        result = network(torch.from_numpy(example)).numpy()
    for file, values in [("test_input.npy", example), ("test_output.npy", result)]:
        np.save(folder / file, values)
    test = lambda file: {"source": file, "sha256": sha256((folder / file).read_bytes()).hexdigest()}
    data = {"type": others.get("input_type", "float32")}
    if version.startswith("0.5"):
        description = {
            "inputs": [
                {
                    "id": "raw",
                    "axes": axes_of(axes, inputs, size),
                    "data": data,
                    "test_tensor": test("test_input.npy"),
                    "preprocessing": pre,
                }
            ],
            "outputs": [
                {
                    "id": "made",
                    "axes": axes_of(axes, channels, halo=halo, output=True),
                    "test_tensor": test("test_output.npy"),
                    "postprocessing": post,
                }
            ],
        }
    else:
        described = [example.shape[i] if a in "bc" else size[a] for i, a in enumerate(axes)]
        shape = (
            {
                "min": [s["min"] if isinstance(s, dict) else s for s in described],
                "step": [s["step"] if isinstance(s, dict) else 0 for s in described],
            }
            if dynamic
            else described
        )
        description = {
            "inputs": [
                {"name": "raw", "axes": axes, "data_type": "float32", "shape": shape, "preprocessing": pre}
            ],
            "outputs": [
                {
                    "name": "made",
                    "axes": axes,
                    "data_type": "float32",
                    "shape": {
                        "reference_tensor": "raw",
                        "scale": [1.0 if a != "c" else channels / inputs for a in axes],
                        "offset": [0] * len(axes),
                    },
                    "halo": [0 if a in "bc" else halo for a in axes],
                    "postprocessing": post,
                }
            ],
            "test_inputs": ["test_input.npy"],
            "test_outputs": ["test_output.npy"],
            "timestamp": "2024-01-01T00:00:00",
        }
    document = {**ABOUT, "format_version": version, "name": name, **description, "weights": {"onnx": entry}}
    (folder / "rdf.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    order = "ZCYX" if "z" in axes else "CYX"
    stored = np.moveaxis(image, -1, 1) if "z" in axes else np.moveaxis(image[0], -1, 0)
    tifffile.imwrite(folder / "images" / "image.tif", stored, imagej=True, metadata={"axes": order})
    found = judged(folder, image, axes, others.get("block"))
    np.save(folder / "judged.npy", np.ascontiguousarray(found, "float32"))


def judged(folder, image, axes, block):
    with ValidationContext(perform_io_checks=False):
        model = load_model_description(folder / "rdf.yaml", format_version="latest")
    own = "zyxc"
    tensor = image if "z" in axes else image[0]
    tensor = tensor if "c" in axes else tensor[..., 0]
    present = [a for a in own if a in axes]
    inner = [a for a in axes if a in own]
    single = [i for i, a in enumerate(axes) if a not in own]
    tensor = np.expand_dims(np.transpose(tensor, [present.index(a) for a in inner]), single)
    pipeline = create_prediction_pipeline(model, weight_format="onnx")
    sample = create_sample_for_model(model, inputs={"raw": tensor})
    by_reference = any(op.id == "scale_mean_variance" for op in model.outputs[0].postprocessing)
    if by_reference:
        # bioimageio.core 0.9.6 fails with references to an input: the formula of the format's description, per channel.
        made = pipeline.predict_sample_without_blocking(sample, skip_postprocessing=True)
    elif block is None:
        made = pipeline.predict_sample_without_blocking(sample)
    else:
        sizes = {a: block[a] if a in block else 1 if a == "b" else image.shape[-1] for a in axes}
        named = {{"b": "batch", "c": "channel"}.get(a, a): size for a, size in sizes.items()}
        made = pipeline.predict_sample_with_fixed_blocking(sample, {"raw": named})
    (name,) = made.members
    values = np.squeeze(np.asarray(made.members[name].data.data), tuple(single))
    values = np.transpose(values, [inner.index(a) for a in present])
    values = values if "c" in axes else values[..., None]
    if by_reference:
        (own_mean, own_std), (mean, std) = (
            (each.mean((0, 1)), each.std((0, 1))) for each in (values.astype("float64"), image[0].astype("float64"))
        )
        values = ((values - own_mean) / (own_std + 1e-6) * (std + 1e-6) + mean).astype("float32")
    return values if "z" in axes else values[None]


root = Path(sys.argv[1])
stepped = {a: {"min": 32, "step": 16} for a in "yx"}
each = {"axes": ["y", "x"]}

make(root, "stepped", local(1, 1), "bcyx", image_of((1, 150, 171, 1), "uint8"), stepped,
     [{"id": "zero_mean_unit_variance", "kwargs": each}], [{"id": "sigmoid"}], 1,
     halo=8, block={"y": 64, "x": 64})
make(root, "fixed", local(2, 3), "bcyx", image_of((1, 130, 97, 2), "uint16"), {"y": 64, "x": 48},
     [{"id": "scale_range", "kwargs": {**each, "min_percentile": 1, "max_percentile": 99.8}},
      {"id": "clip", "kwargs": {"min": 0, "max": 1}}],
     [{"id": "softmax", "kwargs": {"axis": "channel"}}], 3, halo=8, block={"y": 64, "x": 48})
make(root, "volume", local(2, 2, 3), "bczyx", image_of((30, 50, 40, 2), "uint16"),
     {a: {"min": 24, "step": 8} for a in "zyx"},
     [{"id": "scale_linear", "kwargs": {"gain": [0.001, 0.0005], "offset": [-1, -0.5], "axis": "channel"}},
      {"id": "clip", "kwargs": {"min": -1, "max": 2}}],
     [{"id": "binarize", "kwargs": {"threshold": 0.05}}], 2, halo=5, block={"z": 24, "y": 32, "x": 32})
make(root, "channels_last", ChannelsLast(of_whole_images(3, 3)), "byxc", image_of((1, 80, 96, 3), "float32"), stepped,
     [{"id": "fixed_zero_mean_unit_variance",
       "kwargs": {"mean": [1, 1.5, 2], "std": [0.5, 0.6, 0.7], "axis": "channel"}}],
     [{"id": "scale_mean_variance", "kwargs": {**each, "reference_tensor": "raw"}}], 3)
make(root, "external", of_whole_images(1, 2), "bcyx", image_of((1, 64, 80, 1), "float32"), stepped,
     [{"id": "clip", "kwargs": {"min_percentile": 2, "max_percentile": 98, **each}},
      {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"]}}],
     [{"id": "scale_range", "kwargs": {**each, "min_percentile": 3, "max_percentile": 97}}], 2, external=True)
make(root, "bytes", OfBytes(local(1, 2)), "bcyx", image_of((1, 96, 80, 1), "uint8"), stepped,
     [], [{"id": "sigmoid"}], 2, input_type="uint8")
make(root, "older", local(1, 1), "bcyx", image_of((1, 70, 90, 1), "uint16"), stepped,
     [{"name": "scale_range", "kwargs": {"mode": "per_sample", "axes": "xy", "min_percentile": 0.5, "max_percentile": 99}},
      {"name": "zero_mean_unit_variance", "kwargs": {"mode": "fixed", "axes": "xy", "mean": 0.4, "std": 0.3}}],
     [{"name": "scale_range", "kwargs": {"mode": "per_sample", "axes": "yx", "max_percentile": 99}},
      {"name": "clip", "kwargs": {"min": 0.1, "max": 0.8}}], 1,
     halo=8, block={"y": 48, "x": 48}, version="0.4.10")
make(root, "older_fixed", local(2, 1), "bcyx", image_of((1, 64, 64, 2), "uint8"), {"y": 64, "x": 64},
     [{"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "cyx"}}],
     [{"name": "sigmoid"}], 1, version="0.4.10")

# Whole numbers wrap beyond the range of their type.
make(root, "wrapped", local(1, 2), "bcyx", image_of((1, 96, 80, 1), "uint16"), stepped,
     [{"id": "scale_linear", "kwargs": {"gain": 24, "offset": -40000}}, {"id": "ensure_dtype", "kwargs": {"dtype": "int16"}},
      {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}, {"id": "scale_linear", "kwargs": {"gain": 0.001}}],
     [{"id": "scale_linear", "kwargs": {"gain": 700}}, {"id": "ensure_dtype", "kwargs": {"dtype": "uint8"}}], 2)
make(root, "beyond", local(1, 1), "bcyx", image_of((1, 96, 80, 1), "uint8"), stepped,
     [{"id": "scale_linear", "kwargs": {"gain": 1e8, "offset": -4e9}}, {"id": "ensure_dtype", "kwargs": {"dtype": "int32"}},
      {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}, {"id": "scale_linear", "kwargs": {"gain": 1e-9}}], [], 1)

class Around(nn.Module):
    """A network between two changes of axes."""

    def __init__(self, before, network, after):
        super().__init__()
        self.before, self.network, self.after = before, network, after

    def forward(self, x):
        return self.after(self.network(self.before(x)))


# An axis of time of the size 1; neither batch nor channels, and x before y.
make(root, "timed", Around(lambda x: x[:, :, 0], local(1, 2), lambda x: x[:, :, None]), "bctyx",
     image_of((1, 80, 96, 1), "uint8"), stepped,
     [{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["batch", "time", "y", "x"]}}], [], 2)
make(root, "turned", Around(lambda x: x[None, None], local(1, 1), lambda x: x[0, 0]), "xy",
     image_of((1, 80, 96, 1), "uint16"), stepped,
     [{"id": "scale_range", "kwargs": {"axes": ["y", "x"], "max_percentile": 99.5}}],
     [{"id": "clip", "kwargs": {"max": 0.1}}], 1)
