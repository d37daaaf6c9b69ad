"""The training patches that BiaPy's own data loading makes of a configuration.

Takes lists of [configuration, number of patches, whether patches are cut from the middle of what is read around them] as JSON, and a folder for BiaPy's results; writes its answers to `patches.json` in it, because
BiaPy takes the standard output for its log."""

import json
import sys

import numpy as np
from biapy import BiaPy


def from_the_middle(image, mask, size, *_):
    """In place of BiaPy's cut at a random place."""
    start = [(whole - wanted) // 2 for whole, wanted in zip(image.shape, size)]
    part = tuple(slice(at, at + wanted) for at, wanted in zip(start, size))
    return image[part], mask[part]


cases, folder = json.load(sys.stdin), sys.argv[1]
answers = []
for index, (path, count, centered) in enumerate(cases):
    flow = BiaPy(path, result_dir=folder, name=f"judged{index}", run_id=1, gpu="").workflow
    flow.load_train_data()
    flow.prepare_train_generators()
    patches = flow.train_generator.dataset
    if centered:
        patches.random_crop_func = from_the_middle
    answers.append([])
    for each in range(count or len(patches)):
        image, mask = (np.asarray(array).squeeze() for array in patches[each % len(patches)])
        answers[-1].append({"image": image.ravel().tolist(), "mask": mask.ravel().tolist()})
with open(f"{folder}/patches.json", "w") as file:
    json.dump(answers, file)
