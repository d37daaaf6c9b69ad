"""Losses and reconstructions of masked autoencoders with normalized target pixels, by BiaPy's network, PyTorch and NumPy.

Reads a list of folders as JSON: each has a checkpoint, the image, and what the engine wrote, from which the hidden tokens are told.
"""

import contextlib
import io
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import tifffile
import torch
from biapy.models.mae import MaskedAutoencoderViT


def tokens_of(image, side):
    """`[token, pixel]` of an image `[(z,) y, x]`, both in row-major order."""
    starts = itertools.product(*(range(0, size, side) for size in image.shape))
    return np.stack([image[tuple(slice(at, at + side) for at in start)].ravel() for start in starts])


def image_of(tokens, shape, side):
    image = np.empty(shape, tokens.dtype)
    starts = itertools.product(*(range(0, size, side) for size in shape))
    for token, start in zip(tokens, starts):
        image[tuple(slice(at, at + side) for at in start)] = token.reshape((side,) * len(shape))
    return image


def judged(folder):
    folder = Path(folder)
    checkpoint = torch.load(folder / "weights.pth", weights_only=True)
    model = MaskedAutoencoderViT(**checkpoint["model_build_kwargs"], norm_pix_loss=True)
    model.load_state_dict(checkpoint["model"])
    model.eval()
    side = checkpoint["model_build_kwargs"]["patch_size"]
    original = tifffile.imread(folder / "images/image.tif").astype(np.float64).squeeze()
    mean, deviation = original.mean(), original.std()
    image = (original - mean) / deviation

    masked = tifffile.imread(folder / "job/results/job_1/MAE_checks/image_masked.tif").squeeze()
    hidden = (np.abs(tokens_of(masked, side) - tokens_of(original, side)) > 1e-3).any(1)
    # BiaPy keeps the tokens of the least noise.
    noise = torch.from_numpy(hidden + np.arange(hidden.size) / (2 * hidden.size))[None]
    torch.rand = lambda *_, **__: noise
    given = torch.from_numpy(image).float()[None, None]
    with torch.no_grad():
        found = model(given)
    assert (found["mask"][0].numpy() == hidden).all()

    predicted, tokens = found["pred"][0].double().numpy(), tokens_of(image, side)

    def reconstruction(ddof):
        scaled = predicted * np.sqrt(tokens.var(1, ddof=ddof, keepdims=True) + 1e-6) + tokens.mean(1, keepdims=True)
        return (image_of(scaled, image.shape, side) * deviation + mean).ravel().tolist()

    return {
        "loss": float(found["loss"]),
        "image": image.ravel().tolist(),
        "mask": hidden.astype(int).tolist(),
        "unbiased": reconstruction(1),
        "biased": reconstruction(0),
    }


with contextlib.redirect_stdout(io.StringIO()):
    answers = [judged(folder) for folder in json.load(sys.stdin)]
json.dump(answers, sys.stdout)
