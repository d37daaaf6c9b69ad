"""Tests configurations with BiaPy, each with the checkpoint that it names. Reads a list of cases as JSON."""

import contextlib
import io
import json
import sys
import traceback

from biapy import BiaPy

answers = []
for case in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            job = BiaPy(case["config"], result_dir=case["results"], name="job", run_id=1, gpu="")
            job.run_job()
            answers.append(None)
        except (Exception, SystemExit):
            answers.append(traceback.format_exc() + said.getvalue()[-2000:])
json.dump(answers, sys.stdout)
