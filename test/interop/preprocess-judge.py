"""Preprocesses arrays as BiaPy does. Reads [{image, settings, is2d}] as JSON, writes each result as .npy beside its image."""

import json
import sys

import numpy as np
from biapy.config.config import Config
from biapy.data.pre_processing import preprocess_data

for case in json.load(sys.stdin):
    config = Config("/tmp", "job_1")._C
    options = [part for key, value in case["settings"].items() for part in (f"DATA.PREPROCESS.{key}", value)]
    config.merge_from_list(options)
    image = np.load(case["image"])
    try:
        result = preprocess_data(config.DATA.PREPROCESS, x_data=[image], is_2d=case["is2d"])[0]
        np.save(case["image"] + ".out.npy", result)
    except Exception as error:
        print(f"{case['settings']}: {type(error).__name__}: {error}", file=sys.stderr)
