# mypy: ignore-errors
"""zarr reads arrays of artifacts and writes arrays to runs."""

from __future__ import annotations

import sys

import fsspec
import numpy as np
import zarr

run, collection = sys.argv[1:]
values = np.arange(10_000, dtype="f4").reshape(100, 100)

array = zarr.create_array(store=f"wandbfs://{run}/zarr/a", shape=values.shape, chunks=(30, 30), dtype="f4")
array[:] = values
array[10:20, 5] = 7
expected = values.copy()
expected[10:20, 5] = 7
assert np.array_equal(zarr.open_array(f"wandbfs://{run}/zarr/a", mode="r")[:], expected)

# A mapping of names to bytes, as zarr's second version takes its stores.
mapper = fsspec.get_mapper(f"wandbfs://{run}/zarr/mapped")
mapper["x/0.0"] = b"chunk"
assert (dict(mapper), "x/0.1" in mapper) == ({"x/0.0": b"chunk"}, False)
del mapper["x/0.0"]

artifacts = fsspec.filesystem("wandbas")
with artifacts.draft(f"{collection}-zarr") as draft:
    group = zarr.open_group(f"wandbas://{draft.path}/g.zarr", mode="w")
    group.create_array("a", shape=values.shape, chunks=(30, 30), dtype="f4")[:] = values
group = zarr.open_group(f"wandbas://{collection}-zarr/latest/g.zarr", mode="r")
assert list(group.array_keys()) == ["a"]
assert np.array_equal(group["a"][40:60, ::3], values[40:60, ::3])
