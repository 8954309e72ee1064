# mypy: ignore-errors
"""pyarrow through its handler: information, selectors, input files, discovery of a data set."""

from __future__ import annotations

import sys

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileType, FSSpecHandler, PyFileSystem

run, collection = sys.argv[1:]
table = pa.table({"n": list(range(1000)), "part": ["a", "b"] * 500})

files = PyFileSystem(FSSpecHandler(fsspec.filesystem("wandbfs")))
pq.write_table(table, f"{run}/arrow/one.parquet", filesystem=files)
ds.write_dataset(table, f"{run}/arrow/parts", filesystem=files, format="parquet", partitioning=["part"])

info = files.get_file_info(f"{run}/arrow/one.parquet")
assert (info.type, info.size > 0, info.mtime is not None) == (FileType.File, True, True)
assert files.get_file_info(f"{run}/arrow").type == FileType.Directory
assert files.get_file_info(f"{run}/none").type == FileType.NotFound
found = files.get_file_info(FileSelector(f"{run}/arrow", recursive=True))
assert {one.path for one in found if one.type == FileType.Directory} >= {f"{run}/arrow/parts/a", f"{run}/arrow/parts/b"}
with files.open_input_file(f"{run}/arrow/one.parquet") as file:
    assert pq.read_table(file).equals(table)
read = ds.dataset(f"{run}/arrow/parts", filesystem=files, partitioning=["part"]).to_table().sort_by("n")
assert read["n"].to_pylist() == list(range(1000))

artifacts = fsspec.filesystem("wandbas")
with artifacts.draft(f"{collection}-arrow") as draft:
    for name in ("a", "b", "c"):
        with artifacts.open(f"{draft.path}/{name}.parquet", "wb") as file:
            pq.write_table(table, file)
version = f"{collection}-arrow/v0"
versions = PyFileSystem(FSSpecHandler(artifacts))
assert ds.dataset(version, filesystem=versions).count_rows() == 3000
with versions.open_input_file(f"{version}/a.parquet") as file:
    file.seek(file.size() - 4)
    assert file.read() == b"PAR1"
versions.get_file_info(f"{version}/none")
files.delete_file(f"{run}/arrow/one.parquet")
files.move(f"{run}/arrow/parts", f"{run}/arrow/moved")
assert files.get_file_info(f"{run}/arrow/parts").type == FileType.NotFound
