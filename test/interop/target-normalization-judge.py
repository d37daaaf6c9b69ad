"""Normalizes targets and converts predictions back as BiaPy's IMAGE_TO_IMAGE does. Reads {module, image, prediction} as JSON."""

import json
import sys

import numpy as np
from biapy.data.norm import normalize_mask, resolve_fixed_norm_info, undo_image_norm

answers = []
for case in json.load(sys.stdin):
    module = {"target_type": "image", "out_dtype": "float32", "norm_target": False, **case["module"]}
    image = np.array(case["image"], dtype=np.uint16).reshape(case["shape"])
    prediction = np.array(case["prediction"], dtype=np.float32).reshape(case["shape"])
    known = resolve_fixed_norm_info(module, image.shape[-1])
    answers.append(
        {
            "normalized": normalize_mask(image.copy(), norm_module=module)[0].ravel().tolist(),
            "restored": undo_image_norm(prediction, known).ravel().tolist(),
        }
    )
json.dump(answers, sys.stdout)
