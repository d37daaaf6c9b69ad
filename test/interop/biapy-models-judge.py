"""Whether BiaPy builds networks: reads texts of configurations as JSON, prints null or the reason why it does not for each."""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from biapy import BiaPy


def build(text, folder):
    config = Path(folder, "job.yaml")
    config.write_text(text)
    job = BiaPy(str(config), result_dir=folder, name="job", run_id=1, gpu="")
    job.workflow.prepare_model()


found = []
for text in json.load(sys.stdin):
    reason = None
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            build(text, folder)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
    found.append(reason)
json.dump(found, sys.stdout)
