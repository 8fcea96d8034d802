"""Reads the rows that bench/gbdt-data.ts writes with `writeRows`."""

import numpy as np


def read_rows(path):
    """Values, row-major as LightGBM likes them best; labels; rows of each query, or None."""
    words = np.fromfile(path, dtype=np.int32)
    row_count, feature_count, query_count = (int(word) for word in words[:3])
    values = words[3:].view(np.float32)
    columns = values[: row_count * feature_count].reshape(feature_count, row_count)
    labels = values[row_count * feature_count :][:row_count]
    queries = words[len(words) - query_count :] if query_count else None
    return np.ascontiguousarray(columns.T), labels, queries
