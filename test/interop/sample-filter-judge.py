"""Which samples BiaPy drops by FILTER_SAMPLES, at the value of a property.

Reads [{property, value, image, target, dtype}] as JSON; prints for each whether it is dropped by `ge`, `gt` and `lt`."""

import json
import sys

import numpy as np
from biapy.data.data_manipulation import sample_satisfy_conds

answers = []
for case in json.load(sys.stdin):
    image, target = (np.array(case[name], case["dtype"]).reshape(4, -1, 1) for name in ("image", "target"))
    ratio = lambda values: float(values.max()) - float(values.min())
    answers.append(
        [
            bool(
                sample_satisfy_conds(
                    image,
                    [[case["property"]]],
                    [[case["value"]]],
                    [[sign]],
                    target,
                    img_ratio=ratio(image),
                    mask_ratio=ratio(target),
                )
            )
            for sign in ("ge", "gt", "lt")
        ]
    )
print(json.dumps(answers))
