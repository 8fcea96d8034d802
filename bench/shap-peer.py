"""The peer's side of the `shap` benchmark: trains LightGBM's LambdaMART and explains test rows with `shap`, on one thread.

Argument: one JSON object {trainFile, testFile, modelFile, contributionsFile, rows, trees, leaves}. Leaves the model and the contributions (float64, rows x
(features + 1), the average last). Prints the expected line once explained; then, for each line on standard input, the milliseconds a row of explaining
them all again.

`shap` hands LightGBM's models to LightGBM's own code; `ownMs` and `ownDifference` are of the algorithm in `shap` itself, on the same trees.
"""

import json
import sys
import time

import lightgbm as lgb
import numpy as np
import shap
from gbdt_rows import read_rows

run = json.loads(sys.argv[1])
rows, labels, queries = read_rows(run["trainFile"])
parameters = {"objective": "lambdarank", "num_leaves": run["leaves"], "num_threads": 1, "seed": 1, "verbose": -1}
model = lgb.train(parameters, lgb.Dataset(rows, labels, group=queries), run["trees"])
model.save_model(run["modelFile"])

tested = read_rows(run["testFile"])[0][: run["rows"]].astype(np.float64)
explainer = shap.TreeExplainer(model)
own = shap.TreeExplainer(model)
own.model.model_type = "internal"


def milliseconds_a_row(explain):
    started_at = time.perf_counter()
    contributions = explain()
    return 1000 * (time.perf_counter() - started_at) / len(tested), contributions


_, contributions = milliseconds_a_row(lambda: explainer.shap_values(tested))
own_ms, own_contributions = milliseconds_a_row(lambda: own.shap_values(tested))
average = np.full((len(tested), 1), explainer.expected_value)
np.hstack([contributions, average]).astype(np.float64).tofile(run["contributionsFile"])
own_difference = float(np.abs(own_contributions - contributions).max())
print(json.dumps({"ownMs": own_ms, "ownDifference": own_difference}), flush=True)
for _ in sys.stdin:
    print(json.dumps({"ms": milliseconds_a_row(lambda: explainer.shap_values(tested))[0]}), flush=True)
