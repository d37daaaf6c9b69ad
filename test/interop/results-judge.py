"""Opens result files with tifffile and TensorBoard, and prints what they found as JSON."""

import json
import sys

import numpy as np


def tiff(path):
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        return {
            "imagej": file.is_imagej,
            "big": file.is_bigtiff,
            "axes": series.axes,
            "shape": list(series.shape),
            "dtype": str(series.dtype),
            "compression": file.pages[0].compression.name,
            "pages": len(file.pages),
            "values": np.asarray(series.asarray(), dtype=np.float64).ravel()[:4096].tolist(),
        }


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(folder)
    events.Reload()
    return {tag: [[each.step, each.value] for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


print(json.dumps({"tiff": tiff, "tensorboard": tensorboard}[sys.argv[1]](sys.argv[2])))
