"""Prints the rows of a Delta table at given versions, as JSON: read-with-deltalake.py FOLDER VERSION..."""
import json
import sys

from deltalake import DeltaTable

folder, *versions = sys.argv[1:]
rows_by_version = {}
for version in versions:
    table = DeltaTable(folder, version=int(version))
    assert table.version() == int(version)
    rows_by_version[version] = table.to_pyarrow_table().to_pylist()
latest = DeltaTable(folder)
print(json.dumps({
    "latest": latest.version(),
    "operations": [entry.get("operation") for entry in latest.history()],
    "rows": rows_by_version,
}, default=str))
