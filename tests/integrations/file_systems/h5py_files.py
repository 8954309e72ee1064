# mypy: ignore-errors
"""h5py, NumPy and joblib read from files that seek."""

from __future__ import annotations

import io
import sys

import fsspec
import h5py
import joblib
import numpy as np

run, collection = sys.argv[1:]
values = np.arange(100_000, dtype="f8")

memory = io.BytesIO()
with h5py.File(memory, "w") as made:
    made.create_dataset("a/b", data=values, chunks=(1000,))
files, artifacts = fsspec.filesystem("wandbfs"), fsspec.filesystem("wandbas")
with artifacts.draft(f"{collection}-h5py") as draft:
    for fs, folder in ((files, f"{run}/h5"), (artifacts, draft.path)):
        fs.pipe(f"{folder}/a.h5", memory.getvalue())
        with fs.open(f"{folder}/a.npy", "wb") as file:
            np.save(file, values)
        with fs.open(f"{folder}/a.joblib", "wb") as file:
            joblib.dump({"values": values}, file)

for address in (f"wandbfs://{run}/h5", f"wandbas://{collection}-h5py/latest"):
    with fsspec.open(f"{address}/a.h5") as file, h5py.File(file) as found:
        assert np.array_equal(found["a/b"][5_000:6_000], values[5_000:6_000])
    with fsspec.open(f"{address}/a.npy") as file:
        assert np.array_equal(np.load(file), values)
    with fsspec.open(f"{address}/a.joblib") as file:
        assert np.array_equal(joblib.load(file)["values"], values)
