"""Opens what this project wrote with PyTorch, safetensors, NumPy and BiaPy's own loader, and prints what they found as JSON."""

import contextlib
import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file


def described(value):
    if torch.is_tensor(value):
        wide = value.flatten().tolist()
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": [str(item) for item in wide]}
    if isinstance(value, dict):
        return {"type": type(value).__name__, "items": [[described(k), described(v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple, set)):
        return {"type": type(value).__name__, "items": [described(item) for item in value]}
    return f"{type(value).__name__} {value!r}"


def values(path):
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    return {
        "damaged entry": damaged,
        "value": described(torch.load(path, weights_only=True)),
        "mapped": described(torch.load(path, weights_only=True, mmap=True)),
    }


def safetensors(path):
    return described(load_file(path))


def npy(path):
    array = np.load(path)
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": array.ravel().tolist()}


def biapy(path):
    """Loads a checkpoint into BiaPy's model with BiaPy's loader, and its optimizer's state with PyTorch, and makes one step."""
    from biapy.config.config import Config
    from biapy.engine import prepare_optimizer
    from biapy.models.mae import MaskedAutoencoderViT
    from biapy.utils.misc import load_model_checkpoint

    cfg = Config("job", "cells_1").get_cfg_defaults()
    cfg.PATHS.CHECKPOINT_FILE = path
    cfg.MODEL.LOAD_CHECKPOINT = True
    cfg.MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT = ["weights", "model_arch", "epoch"]
    cfg.TRAIN.OPTIMIZER = ["ADAMW"]
    saved_cfg, version = load_model_checkpoint(cfg, "cells_1", None, "cpu", just_extract_checkpoint_info=True)
    checkpoint = torch.load(path, weights_only=True)
    model = MaskedAutoencoderViT(**checkpoint["model_build_kwargs"])
    epoch, _ = load_model_checkpoint(cfg, "cells_1", model, "cpu")
    optimizers, _ = prepare_optimizer(cfg, model, 10)
    optimizers[0].load_state_dict(checkpoint["optimizer"][0])
    model(torch.zeros(2, 1, 16, 16))["loss"].backward()
    optimizers[0].step()
    steps = {float(state["step"]) for state in optimizers[0].state_dict()["state"].values()}
    return {
        "architecture": saved_cfg.MODEL.ARCHITECTURE,
        "patch size": repr(saved_cfg.DATA.PATCH_SIZE),
        "version": version,
        "epoch": epoch,
        "weights sum": float(sum(tensor.double().sum() for tensor in checkpoint["model"].values())),
        "steps": sorted(steps),
        "engine state": described(checkpoint["engine_state"]),
        "settings": described({k: v for k, v in optimizers[0].param_groups[0].items() if k != "params"}),
    }


judge = {"values": values, "safetensors": safetensors, "npy": npy, "biapy": biapy}[sys.argv[1]]
with contextlib.redirect_stdout(io.StringIO()):
    found = judge(str(Path(sys.argv[2])))
json.dump(found, sys.stdout)
