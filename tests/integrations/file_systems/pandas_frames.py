# mypy: ignore-errors
"""pandas reads artifacts and writes to runs by address, with what it infers from names."""

from __future__ import annotations

import sys

import fsspec
import pandas as pd

run, collection = sys.argv[1:]
frame = pd.DataFrame({"n": range(100), "word": [f"w{n}" for n in range(100)]})

frame.to_csv(f"wandbfs://{run}/pandas/a.csv.gz", index=False)
frame.to_parquet(f"wandbfs://{run}/pandas/a.parquet")
frame.to_json(f"wandbfs://{run}/pandas/a.jsonl", orient="records", lines=True)

artifacts = fsspec.filesystem("wandbas")
with artifacts.draft(f"{collection}-pandas") as draft:
    frame.to_csv(f"wandbas://{draft.path}/a.csv.gz", index=False)
    frame.to_parquet(f"wandbas://{draft.path}/a.parquet")
    frame.to_json(f"wandbas://{draft.path}/a.jsonl", orient="records", lines=True)

version = f"{collection}-pandas/latest"
for address in (f"wandbfs://{run}/pandas", f"wandbas://{version}"):
    assert pd.read_csv(f"{address}/a.csv.gz").equals(frame)
    assert pd.read_parquet(f"{address}/a.parquet").equals(frame)
    assert pd.read_parquet(f"{address}/a.parquet", columns=["n"]).equals(frame[["n"]])
    assert pd.read_json(f"{address}/a.jsonl", lines=True).equals(frame)
assert pd.read_csv(f"wandbfs://{run}/pandas/a.csv.gz", storage_options={"block_size": 1000}).equals(frame)
