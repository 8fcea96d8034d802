"""Appends to the Delta table at FOLDER, writes a checkpoint, appends again, removes rows; then a table of its own at OTHER: write-with-deltalake.py FOLDER OTHER."""
import datetime
import sys

import pyarrow
from deltalake import DeltaTable, write_deltalake

folder, other = sys.argv[1:]


def day(date, ids):
    return pyarrow.table({
        "day": pyarrow.array([datetime.date.fromisoformat(date)] * len(ids), pyarrow.date32()),
        "id": pyarrow.array(ids, pyarrow.int64()),
        "name": pyarrow.array([f"python {i}" for i in ids], pyarrow.string()),
    })


write_deltalake(folder, day("2026-02-01", [901, 902]), mode="append", schema_mode="merge")
DeltaTable(folder).create_checkpoint()
write_deltalake(folder, day("2026-02-02", [903]), mode="append", schema_mode="merge")
DeltaTable(folder).delete("id = 902")

write_deltalake(other, day("2026-03-01", [1, 2, 3]), partition_by=["day"])
write_deltalake(other, day("2026-03-02", [4]), mode="append")
DeltaTable(other).create_checkpoint()
write_deltalake(other, day("2026-03-01", [5]), mode="overwrite", predicate="day = '2026-03-01'")
