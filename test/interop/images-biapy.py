"""Asks BiaPy's own reader for each file of a matrix of images: python images-biapy.py FOLDER

Prints JSON: for each file whether BiaPy reads its pixels (NAME.npy) as they are, reads others, or stops; and whether it reads the files
that are refused here (NAME.refused).
"""

import contextlib
import io
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy as np
from biapy.data.data_manipulation import read_img_as_ndarray

os.chdir(sys.argv[1])
found = {}
for file in sorted(os.listdir(".")):
    name, suffix = os.path.splitext(file)
    if suffix not in (".npy", ".refused") or not os.path.exists(name):
        continue
    right = np.load(file) if suffix == ".npy" else None
    is_3d = right is None or right.shape[0] > 1
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            image = np.asarray(read_img_as_ndarray(name, is_3d=is_3d))
    except BaseException:
        found[name] = "stops"
        continue
    if right is None:
        found[name] = "reads what is refused here"
        continue
    right = right if is_3d else right[0]
    if image.shape != right.shape:
        found[name] = "other axes"
    elif image.dtype.kind == "O" or not np.array_equal(image.astype("f8"), right.astype("f8"), equal_nan=True):
        near = image.dtype.kind != "O" and ".near." in name and np.abs(image.astype("f8") - right).max() <= 60
        found[name] = "equal" if near else "other pixels"
    else:
        found[name] = "equal"
print(json.dumps(found))
