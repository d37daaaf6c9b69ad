"""Tests packages of the BioImage Model Zoo by bioimageio.core, and measures how far each weight format is from the test output.

Takes paths; prints a JSON list as the last line."""

import json
import sys
import warnings
import zipfile

warnings.filterwarnings("ignore")
import numpy as np
import onnx
from biapy.models.edsr import EDSR  # noqa: F401  (BiaPy's models are imported once)
from bioimageio.core import create_prediction_pipeline, load_model_description, test_description
from bioimageio.core.digest_spec import get_test_input_sample, get_test_output_sample
from loguru import logger

logger.remove()


def apart(model, weight_format):
    pipeline = create_prediction_pipeline(model, weight_format=weight_format)
    made = pipeline.predict_sample_without_blocking(get_test_input_sample(model))
    wanted = get_test_output_sample(model)
    (name,) = wanted.members
    one, other = (np.asarray(each.members[name].data.data) for each in (made, wanted))
    return float(np.abs(one - other).max() / np.abs(other).max())


def judge(path):
    summary = test_description(path, expected_type="model")
    errors = [f"{d.name}: {e.msg}" for d in summary.details for e in d.errors]
    model = load_model_description(path)
    graph = onnx.load_model_from_string(zipfile.ZipFile(path).read("weights.onnx"))
    onnx.checker.check_model(graph, full_check=True)
    axes = graph.graph.input[0].type.tensor_type.shape.dim
    formats = [name for name, entry in model.weights if entry is not None]
    return {
        "path": path,
        "status": summary.status,
        "errors": errors,
        "apart": {name: apart(model, name) for name in sorted(formats)},
        "domains": sorted({node.domain for node in graph.graph.node} - {""}),
        "axes": [axis.dim_param or axis.dim_value for axis in axes],
    }


found = [judge(path) for path in sys.argv[1:]]
print()
print(json.dumps(found))
