"""The peer's side of the `ials` benchmark: implicit's AlternatingLeastSquares (conjugate gradients, its default solver).

Same protocol as ials-trainer.ts. Prints one JSON line per iteration with the training time so far, without what the benchmark itself takes.
"""

import json
import sys
import time

import numpy as np
import scipy.sparse
from implicit.als import AlternatingLeastSquares

training = json.loads(sys.argv[1])
words = np.fromfile(training["matrixFile"], dtype=np.int32)
row_count, column_count, entry_count = (int(word) for word in words[:3])
offsets, columns = words[3 : 4 + row_count], words[4 + row_count :]
items_by_user = scipy.sparse.csr_matrix(
    (np.ones(entry_count, dtype=np.float32), columns, offsets), shape=(row_count, column_count)
)
model = AlternatingLeastSquares(
    factors=training["factors"],
    iterations=training["iterations"],
    num_threads=training["threadCount"],
    random_state=training["seed"],
    **training["settings"],
)
own_seconds = 0.0


def after_iteration(iteration, *_):
    global own_seconds
    called_at = time.perf_counter()
    seconds = called_at - started_at - own_seconds
    print(json.dumps({"iteration": iteration + 1, "trainSeconds": seconds}), flush=True)
    if training.get("vectorsDir"):
        model.user_factors.tofile(f"{training['vectorsDir']}/users-{iteration + 1}.f32")
        model.item_factors.tofile(f"{training['vectorsDir']}/items-{iteration + 1}.f32")
    own_seconds += time.perf_counter() - called_at


started_at = time.perf_counter()
model.fit(items_by_user, show_progress=False, callback=after_iteration)
