"""What BiaPy reads of texts of configurations: reads them as JSON, prints null and the reason, or the values that differ from the defaults, for each."""

import json
import re
import sys
import tempfile
from pathlib import Path

from biapy._biapy import BiaPy
from biapy.config.config import Config
from biapy.engine.check_configuration import convert_old_model_cfg_to_current_version
from yacs.config import CfgNode


def flat(node, prefix=""):
    for key, value in node.items():
        if isinstance(value, CfgNode):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def values_of(path, folder):
    config = Config(folder, "job_1")._C
    defaults = dict(flat(config))
    config.merge_from_other_cfg(CfgNode(convert_old_model_cfg_to_current_version(BiaPy._load_raw_config(str(path)))))
    # JSON has no infinite numbers.
    plain = lambda value: json.loads(re.sub(r"-?Infinity|NaN", '"unbounded"', json.dumps(value, default=str)))
    return {key: plain(value) for key, value in flat(config) if value != defaults[key]}


found = []
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "job.yaml")
    for text in json.load(sys.stdin):
        path.write_bytes(text.encode("latin1"))
        try:
            found.append({"values": values_of(path, folder)})
        except (Exception, SystemExit) as error:
            found.append({"refused": f"{type(error).__name__}: {error}"[:300]})
json.dump(found, sys.stdout)
