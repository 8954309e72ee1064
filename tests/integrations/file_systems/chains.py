# mypy: ignore-errors
"""fsspec's own tools: chains of protocols, caches, archives, open files, copies between file systems."""

from __future__ import annotations

import io
import sys
import zipfile

import fsspec
from fsspec.generic import GenericFileSystem

run, collection = sys.argv[1:]
files, artifacts = fsspec.filesystem("wandbfs"), fsspec.filesystem("wandbas")
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as archive:
    archive.writestr("inner/a.csv", "n\n1\n2\n")
name = "tools/with space #1?.txt"
with artifacts.draft(f"{collection}-chains") as draft:
    for fs, folder in ((files, f"{run}"), (artifacts, draft.path)):
        fs.pipe(
            {f"{folder}/tools/a.zip": packed.getvalue(), f"{folder}/{name}": b"text", f"{folder}/tools/b.txt": b"b"}
        )
version = f"{collection}-chains/v0"

for address in (f"wandbfs://{run}", f"wandbas://{version}"):
    for cache in ("simplecache", "filecache", "blockcache"):
        with fsspec.open(f"{cache}::{address}/{name}", "rb") as file:
            assert file.read() == b"text", cache
    with fsspec.open(f"zip://inner/a.csv::{address}/tools/a.zip") as file:
        assert file.read() == b"n\n1\n2\n"
    with fsspec.open(f"zip://inner/a.csv::simplecache::{address}/tools/a.zip", "r") as file:
        assert file.readlines()[1:] == ["1\n", "2\n"]
    local = fsspec.open_local(f"simplecache::{address}/tools/b.txt")
    with open(local, "rb") as file:
        assert file.read() == b"b"
    with fsspec.open_files(f"{address}/tools/*.txt") as opened:
        assert sorted(file.read() for file in opened) == [b"b", b"text"]
    mapper = fsspec.get_mapper(f"{address}/tools")
    assert mapper["b.txt"] == b"b"
    tree = fsspec.filesystem("reference", fo={"b": [f"{address}/tools/b.txt", 0, 1]})
    assert tree.cat("b") == b"b"
    folder = fsspec.filesystem("dir", path=address.partition("://")[2], target_protocol=address.partition("://")[0])
    assert folder.cat("tools/b.txt") == b"b"
    try:
        fsspec.open(f"{address}/none").open()
    except FileNotFoundError:
        pass
    else:
        raise AssertionError("a missing file was opened")

memory = fsspec.filesystem("memory")
memory.pipe({"/in/a": b"1", "/in/deep/b": b"2"})
generic = GenericFileSystem(default_method="current")
generic.cp("memory://in/a", f"wandbfs://{run}/from-memory/a")
assert files.cat(f"{run}/from-memory/a") == b"1"
fsspec.generic.rsync("memory://in/", f"wandbfs://{run}/synced/", fs=generic)
assert files.find(f"{run}/synced") == [f"{run}/synced/a", f"{run}/synced/deep/b"]
generic.cp(f"wandbas://{version}/tools/b.txt", "memory://out/b.txt")
assert memory.cat("/out/b.txt") == b"b"
generic.cp(f"wandbas://{version}/tools/b.txt", f"wandbfs://{run}/between/b.txt")
assert files.cat(f"{run}/between/b.txt") == b"b"
print(type(fsspec.filesystem("wandbfs")).__module__)
