"""Builds networks as BiaPy does from configurations, with its own loader of checkpoints and its own writer.

Reads a list of cases as JSON. For each, predicts an image with the weights of `checkpoint`, then with weights of its own, which it
saves; prints their paths."""

import contextlib
import io
import json
import sys
from pathlib import Path

import biapy
import numpy as np
import torch
import yaml
from biapy import BiaPy
from biapy.models.edsr import EDSR
from biapy.utils.misc import save_model

# BiaPy 3.7.1 hands EDSR its arguments as one, the number of axes, so that it always has three channels and enlarges by two.
as_written = EDSR.__init__
EDSR.__init__ = lambda self, arguments: as_written(self, **arguments)


def network(config, folder, run):
    job = BiaPy(config, result_dir=str(folder), name="job", run_id=run)
    job.workflow.prepare_model()
    job.workflow.model.eval()
    return job.workflow


def predict(workflow, image, path):
    with torch.no_grad():
        found = workflow.model_call_func(image, is_train=True)
    if isinstance(found, dict):
        found = found["pred"]
    array = found.numpy()
    # Channels last, as images are; the tokens of a masked autoencoder have none.
    np.save(path, array if array.ndim == 3 else np.moveaxis(array, 1, -1))


def judge(number, case):
    folder = Path(case["folder"])
    image = np.load(case["image"])
    config = yaml.safe_load(Path(case["config"]).read_text())
    own = network(config, folder, 2 * number)
    predict(own, image, folder / "own.npy")
    saved = save_model(folder, own.cfg, biapy.__version__, "own", "best", own.model, [], own.model_build_kwargs)
    config["MODEL"]["LOAD_CHECKPOINT"] = True
    config["PATHS"] = {"CHECKPOINT_FILE": case["checkpoint"]}
    predict(network(config, folder, 2 * number + 1), image, folder / "loaded.npy")
    return str(saved)


found = []
for number, case in enumerate(json.load(sys.stdin)):
    with contextlib.redirect_stdout(io.StringIO()):
        found.append(judge(number, case))
json.dump(found, sys.stdout)
