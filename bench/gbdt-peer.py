"""The peer's side of the `gbdt` benchmark: LightGBM, and onnxruntime for scoring a LightGBM model.

Reads one JSON task a line from stdin and prints one JSON answer a line.
"""

import json
import sys
import time

import lightgbm
import numpy as np


def rows(part):
    columns = np.fromfile(part["columns"], dtype=np.float32).reshape(part["featureCount"], -1)
    return np.ascontiguousarray(columns.T), np.fromfile(part["labels"], dtype=np.float64)


def train(task):
    values, labels = rows(task["train"])
    started_at = time.perf_counter()
    data = lightgbm.Dataset(values, labels, group=task["train"].get("querySizes"), params=task["params"]).construct()
    constructed_at = time.perf_counter()
    model = lightgbm.train(task["params"], data, task["trees"])
    ended_at = time.perf_counter()
    test_values, _ = rows(task["test"])
    model.predict(test_values).astype(np.float64).tofile(task["predictions"])
    if task.get("model"):
        model.save_model(task["model"])
    return {"binSeconds": constructed_at - started_at, "boostSeconds": ended_at - constructed_at}


def best_call(call, calls):
    seconds = []
    for _ in range(calls):
        started_at = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started_at)
    return float(np.median(seconds))


def score(task):
    values, _ = rows(task["rows"])
    model = lightgbm.Booster(model_file=task["model"])
    one = best_call(lambda: model.predict(values, num_threads=1), task["calls"])
    # What a call costs besides the trees: the same rows and a model cut to its first tree.
    overhead = best_call(lambda: model.predict(values, num_threads=1, num_iteration=1), task["calls"])
    answer = {"lightgbm": one, "lightgbmOneTree": overhead}
    try:
        import onnxruntime
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        onnx = convert_lightgbm(
            model, initial_types=[("rows", FloatTensorType([None, values.shape[1]]))], zipmap=False
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(onnx.SerializeToString(), options, providers=["CPUExecutionProvider"])
        answer["onnxruntime"] = best_call(lambda: session.run(None, {"rows": values}), task["calls"])
    except Exception as error:  # reported, never hidden
        answer["onnxError"] = str(error)
    return answer


for line in sys.stdin:
    task = json.loads(line)
    print(json.dumps(train(task) if task["kind"] == "train" else score(task)), flush=True)
