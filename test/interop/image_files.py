"""Values and their right pixels, for the scripts that make image files."""

import os
import shutil
import sys

import numpy as np

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
rng = np.random.default_rng(15)
Y, X = 19, 35


def pixels(dtype, *shape):
    """Values over the whole range of a type; smooth, so that predictors and compressions have something to do."""
    dtype = np.dtype(dtype)
    steps = np.cumsum(rng.integers(0, 9, shape), -1)
    if dtype.kind == "b":
        return steps % 3 == 0
    if dtype.kind == "f":
        return (steps * 1.37 - 40).astype(dtype)
    if dtype.kind == "c":
        return (steps + 1j * steps).astype(dtype)
    info = np.iinfo(dtype)
    span = min(int(info.max) - int(info.min), 2**40)
    if span < 500:
        return (steps % (span + 1) + int(info.min)).astype(dtype)
    return (steps.astype("i8") * (span // 500) % span + max(int(info.min), -(2**39))).astype(dtype)


def examples():
    """A stack, channels [c, z, y, x], and these channels as they are read: [z, y, x, c]."""
    volume, channels = pixels("uint16", 6, Y, X), pixels("uint16", 2, 4, Y, X)
    return volume, channels, channels.transpose(1, 2, 3, 0)


def fresh(name):
    """The name of a folder that is not there."""
    shutil.rmtree(name, ignore_errors=True)
    return name


def right(name, values):
    assert values.ndim == 4, name
    if values.dtype == bool:
        values = values.astype("uint8")
    if values.dtype == np.float16:
        values = values.astype("float32")
    np.save(name + ".npy", np.ascontiguousarray(values).astype(values.dtype.newbyteorder("=")))


def refused(name, words):
    with open(name + ".refused", "w") as file:
        file.write(words)


def plane(values):
    return values[None, :, :, None]


def stack(values):
    return values[..., None]


def image_of(values):
    """A plane, gray or with samples last."""
    return plane(values) if values.ndim == 2 else values[None]
