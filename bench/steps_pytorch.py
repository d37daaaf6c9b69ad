"""Times training steps or predictions of one of BiaPy's networks in PyTorch. Prints JSON. Started by steps.mjs."""
import ast
import contextlib
import importlib
import io
import json
import os
import pathlib
import resource
import sys
import time

import torch

# When this process started, in seconds since the machine started.
BORN = int(pathlib.Path("/proc/self/stat").read_text().rsplit(")")[1].split()[19]) / os.sysconf("SC_CLK_TCK")
description = json.loads(sys.argv[1])
torch.set_num_threads(description["threads"])
training = description["mode"] == "training"


def value(argument):
    """Returns a build argument. Tuples are stored as text."""
    return ast.literal_eval(argument) if isinstance(argument, str) and argument.startswith("(") else argument


build = {name: value(argument) for name, argument in description["build"].items()}
if "device" in build:
    build["device"] = torch.device(build["device"])
with contextlib.redirect_stdout(io.StringIO()):
    module = importlib.import_module(f"biapy.models.{description['architecture'].replace('++', '_plus_plus')}")
    network = getattr(module, description["className"])(**build)
network.train(training)
if description.get("compile"):
    network = torch.compile(network)
images = torch.randn(description["batch"], description["channels"], *description["space"])
targets = torch.randn_like(images)
optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.02)


def output():
    result = network(images)
    return result["pred"] if isinstance(result, dict) and "pred" in result else result


labels = (targets > 0).float()
spots = (torch.arange(targets.numel()) % 500 == 0).float().reshape(targets.shape)


def segmentation_loss(logits):
    """Returns cross entropy plus Dice of two classes over the batch."""
    found = torch.sigmoid(logits)
    dice = 1 - (2 * (found * labels).sum() + 1e-5) / (found.sum() + labels.sum() + 1e-5)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels) + dice


LOSSES = {
    "mse": lambda prediction: torch.nn.functional.mse_loss(prediction, targets),
    "segmentation": segmentation_loss,
    "noise2void": lambda prediction: ((prediction - targets) ** 2 * spots).sum() / spots.sum(),
}


def training_step():
    optimizer.zero_grad()
    if description["architecture"] == "mae":
        loss = network(images)["loss"]
    else:
        loss = LOSSES[description["loss"]](output())
    loss.backward()
    optimizer.step()


def prediction():
    with torch.inference_mode():
        output()


seconds = []
first_step = 0.0
begun = time.perf_counter()
while len(seconds) < description["steps"] or time.perf_counter() - begun < description["seconds"]:
    started = time.perf_counter()
    training_step() if training else prediction()
    seconds.append(time.perf_counter() - started)
    if first_step == 0:
        first_step = time.clock_gettime(time.CLOCK_BOOTTIME) - BORN
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({"seconds": seconds, "firstStep": first_step, "peakMegabytes": peak}))
