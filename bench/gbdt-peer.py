"""The peer's side of the `gbdt` benchmark: LightGBM, and onnxruntime for scoring. Same protocol as gbdt-trainer.ts.

`train` trains and prints its seconds; `score` prints the median milliseconds of one call that scores 500 rows on one thread; `strayScores` trains and
prints which part of the training rows has another score in training than its trees give it.
"""

import json
import sys
import time

import lightgbm as lgb
import numpy as np
from gbdt_rows import read_rows

run = json.loads(sys.argv[1])


def parameters_of(settings):
    return {
        "objective": {"lambdaMart": "lambdarank", "squared": "regression"}[settings["objective"]],
        "num_leaves": settings["leaves"],
        "max_bin": settings["bins"],
        "learning_rate": settings["learningRate"],
        "min_data_in_leaf": settings["minRowsPerLeaf"],
        "bagging_fraction": settings["rowFraction"],
        "bagging_freq": 1 if settings["rowFraction"] < 1 else 0,
        "bagging_by_query": run.get("peerDrawsQueries", False),
        "feature_fraction": settings["featureFraction"],
        "feature_fraction_bynode": settings["splitFeatureFraction"],
        "path_smooth": settings["smoothing"],
        "lambda_l2": settings["l2"],
        "lambdarank_truncation_level": settings["truncation"],
        "lambdarank_norm": settings["isNormalized"],
        "num_threads": run["threadCount"],
        "seed": run["seed"],
        "verbose": -1,
    }


def train():
    settings = run["settings"]
    rows, labels, queries = read_rows(run["trainFile"])
    parameters = parameters_of(settings)
    started_at = time.perf_counter()
    data = lgb.Dataset(rows, labels, group=queries, params=parameters).construct()
    binned_at = time.perf_counter()
    model = lgb.train(parameters, data, settings["trees"])
    ended_at = time.perf_counter()
    print(json.dumps({"totalSeconds": ended_at - started_at, "trainSeconds": ended_at - binned_at}), flush=True)
    if run.get("scoresFile"):
        model.predict(read_rows(run["testFile"])[0], raw_score=True).astype(np.float64).tofile(run["scoresFile"])
    if run.get("modelFile"):
        model.save_model(run["modelFile"])


def stray_scores():
    settings = run["settings"]
    rows, labels, queries = read_rows(run["trainFile"])
    parameters = parameters_of(settings)
    data = lgb.Dataset(rows, labels, group=queries, params=parameters)
    model = lgb.train(parameters, data, settings["trees"], keep_training_booster=True)
    in_training = []
    model.eval_train(lambda scores, _: (in_training.append(scores.copy()), ("none", 0.0, True))[1])
    differ = ~np.isclose(in_training[0], model.predict(rows, raw_score=True), rtol=0, atol=1e-9)
    print(json.dumps({"stray": float(differ.mean())}), flush=True)


def median_ms(call):
    for _ in range(20):
        call()
    times = []
    for _ in range(200):
        started_at = time.perf_counter()
        call()
        times.append(time.perf_counter() - started_at)
    return 1000 * float(np.median(times))


def score():
    rows = np.ascontiguousarray(read_rows(run["testFile"])[0][:500])
    with open(run["modelFile"]) as file:
        text = file.read()
    model = lgb.Booster(model_str=text)
    result = {
        "lightgbmMs": median_ms(lambda: model.predict(rows, raw_score=True, num_threads=1)),
        "lightgbmOneRowMs": median_ms(lambda: model.predict(rows[:1], raw_score=True, num_threads=1)),
    }
    try:
        import onnxruntime
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        # The converter knows no ranking; the trees are the same.
        as_regression = lgb.Booster(model_str=text.replace("objective=lambdarank", "objective=regression"))
        onnx = convert_lightgbm(as_regression, initial_types=[("rows", FloatTensorType([None, rows.shape[1]]))])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(onnx.SerializeToString(), options)
        result["onnxMs"] = median_ms(lambda: session.run(None, {"rows": rows}))
    except ImportError as error:
        result["onnxMissing"] = str(error)
    print(json.dumps(result), flush=True)


{"train": train, "score": score, "strayScores": stray_scores}[run["action"]]()
