"""Values and expected pixels, for the scripts that make image files in an empty folder."""

import json
import os
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


def is_new(name):
    """Whether no file of this name was made before: it would be replaced, and not be judged."""
    return not any(os.path.exists(name + suffix) for suffix in (".npy", ".refused"))


def right(name, values, asked=None, size=False):
    """Notes the pixels of a file, [z, y, x, channel]; the options with which it is opened; and its pixel size, None if it has none."""
    assert values.ndim == 4 and is_new(name), name
    if values.dtype == bool:
        values = values.astype("uint8")
    if values.dtype == np.float16:
        values = values.astype("float32")
    np.save(name + ".npy", np.ascontiguousarray(values).astype(values.dtype.newbyteorder("=")))
    if asked is not None:
        note(name + ".asked", asked)
    if size is not False:
        note(name + ".size", size)


def note(name, value):
    with open(name, "w") as file:
        json.dump(value, file)


def refused(name, words, asked=None):
    """Notes a regular expression that the refusal of a file matches, and the options with which it is opened."""
    assert is_new(name), name
    if asked is not None:
        note(name + ".asked", asked)
    with open(name + ".refused", "w") as file:
        file.write(words)


def plane(values):
    return values[None, :, :, None]


def stack(values):
    return values[..., None]


def image_of(values):
    """A plane, gray or with samples last."""
    return plane(values) if values.ndim == 2 else values[None]
