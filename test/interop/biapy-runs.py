"""Runs BiaPy on several configurations in one process: reads [[config file, result folder, job name], ...] as JSON."""

import json
import sys

from biapy import BiaPy

for config, folder, name in json.load(sys.stdin):
    BiaPy(config, result_dir=folder, name=name, run_id=1, gpu="", verbose=True).run_job()
