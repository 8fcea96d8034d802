"""Makes the fixture of the tests in src/models/boosted-trees: python bench/lightgbm-fixture.py DATA_DIR, with lightgbm, numpy and shap installed.

The rows are the first of LightGBM's example of binary classification (Microsoft, MIT licence), with a category made of one feature and some values
taken away, so that every kind of node occurs.
"""

import gzip
import json
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import shap

folder = Path(__file__).parent.parent / "src/models/boosted-trees/lightgbm-fixture"
with gzip.open(Path(sys.argv[1]) / "lightgbm-examples/binary/binary.train.gz", "rt") as lines:
    table = np.array([[float(cell) for cell in line.split()] for line in lines])[:2000]
labels, rows = table[:, 0], table[:, 1:9].astype(np.float32)
random = np.random.default_rng(1)
rows[random.random(len(rows)) < 0.2, 1] = np.nan
rows[:, 3] = np.floor(np.abs(rows[:, 3]) * 12) % 20
rows[random.random(len(rows)) < 0.1, 3] = np.nan
model = lgb.train(
    {"objective": "binary", "num_leaves": 9, "learning_rate": 0.3, "seed": 1, "verbose": -1, "cat_smooth": 1, "min_data_per_group": 5},
    lgb.Dataset(rows, labels, categorical_feature=[3]),
    num_boost_round=6,
)
model.save_model(folder / "model.txt")
# Missing and unseen values too where training had none.
rows = np.concatenate([rows[:40], rows[:10]])
rows[40:, 0] = np.nan
rows[40:45, 3] = 77
scores = model.predict(rows, raw_score=True)
columns = [[None if np.isnan(value) else float(value) for value in column] for column in rows.T]
(folder / "predictions.json").write_text(json.dumps({"columns": columns, "scores": scores.tolist()}) + "\n")
explainer = shap.TreeExplainer(model)
contributions = explainer.shap_values(rows)
(folder / "contributions.json").write_text(json.dumps({"average": float(explainer.expected_value), "contributions": contributions.tolist()}) + "\n")
