"""Whether BiaPy accepts configurations: reads their texts as JSON, prints null or the reason of its refusal for each."""

import contextlib
import io
import json
import sys
import tempfile

import yaml
from biapy.config.config import Config, update_dependencies
from biapy.engine.check_configuration import check_configuration, convert_old_model_cfg_to_current_version
from yacs.config import CfgNode


def refusal(text):
    with tempfile.TemporaryDirectory() as folder:
        config = Config(folder, "job_1")
        original = CfgNode(yaml.safe_load(text))
        config._C.merge_from_other_cfg(CfgNode(convert_old_model_cfg_to_current_version(original)))
        update_dependencies(config)
        check_configuration(config.get_cfg_defaults(), "job_1")


found = []
for text in json.load(sys.stdin):
    reason = None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            refusal(text)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
    found.append(reason)
json.dump(found, sys.stdout)
