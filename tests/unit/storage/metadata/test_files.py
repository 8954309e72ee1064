"""Files of runs."""

from __future__ import annotations

import pytest

from kymograph.core.files import RunFile
from kymograph.types import Digest, FilePath, ObjectKey, RunKey
from tests.unit.storage.metadata.builders import NOW, World


def put(world: World, run: RunKey, path: str, size_bytes: int = 10, key: str = "k") -> RunFile:
    return world.database.write(
        lambda tx: tx.files.put(
            run,
            FilePath(path),
            size_bytes=size_bytes,
            md5=Digest("md5"),
            mimetype="text/plain",
            object_key=ObjectKey(key),
            now=NOW,
        )
    )


def paths(world: World, run: RunKey, **options: object) -> tuple[list[str], int]:
    files, total = world.database.read(lambda tx: tx.files.list(run, **options))  # type: ignore[arg-type]  # by name
    return [file.path for file in files], total


def stored_bytes(world: World, run: RunKey) -> int:
    found = world.database.read(lambda tx: tx.runs.find_by_key(run))
    assert found is not None
    return found.storage_bytes


def test_a_file_is_found_by_path_and_by_number(world: World) -> None:
    run = world.run()

    file = put(world, run.key, "logs/out put%2e.txt")

    assert file == RunFile(
        id=file.id,
        run=run.key,
        path=FilePath("logs/out put%2e.txt"),
        size_bytes=10,
        md5=Digest("md5"),
        mimetype="text/plain",
        object_key=ObjectKey("k"),
        updated_at=NOW,
    )
    assert world.database.read(lambda tx: tx.files.find(run.key, "logs/out put%2e.txt")) == file
    assert world.database.read(lambda tx: tx.files.find_by_id(file.id)) == file
    assert world.database.read(lambda tx: tx.files.find(run.key, "other")) is None


def test_the_same_path_again_replaces_the_file_and_counts_once(world: World) -> None:
    run = world.run()
    first = put(world, run.key, "a.txt", 10)

    second = put(world, run.key, "a.txt", 25, key="k2")

    assert second.id == first.id
    assert second.object_key == "k2"
    assert stored_bytes(world, run.key) == 25


def test_deleting_gives_the_record_back_and_frees_its_bytes(world: World) -> None:
    run = world.run()
    file = put(world, run.key, "a.txt", 10)
    put(world, run.key, "b.txt", 5)

    assert world.database.write(lambda tx: tx.files.delete(file.id)) == file
    assert world.database.write(lambda tx: tx.files.delete(file.id)) is None
    assert stored_bytes(world, run.key) == 5


def test_lists_are_sorted_by_code_point_and_paged(world: World) -> None:
    run, other = world.run("r1"), world.run("r2")
    for path in ("b.txt", "B.txt", "a/1.txt", "a/2.txt", "é.txt", "a.txt"):
        put(world, run.key, path)
    put(world, other.key, "c.txt")

    everything = ["B.txt", "a.txt", "a/1.txt", "a/2.txt", "b.txt", "é.txt"]
    assert paths(world, run.key) == (everything, 6)
    assert paths(world, run.key, limit=2) == (everything[:2], 6)
    assert paths(world, run.key, limit=2, after="a.txt") == (everything[2:4], 6)
    assert paths(world, run.key, names=["b.txt", "c.txt", "a.txt"]) == (["a.txt", "b.txt"], 2)
    assert paths(world, run.key, prefix="a/") == (["a/1.txt", "a/2.txt"], 2)
    assert paths(world, run.key, prefix="%") == ([], 0)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("%.txt", ["A.txt", "a*.txt", "a.txt", "a[b].txt"]),
        ("a%", ["a*.txt", "a.txt", "a[b].txt", "a_b"]),
        ("_.txt", ["A.txt", "a.txt"]),
        ("a*%", ["a*.txt"]),
        ("a[b]%", ["a[b].txt"]),
        (r"a\_b", ["a_b"]),
        ("a?txt", []),
        ("a.txt\\", []),
    ],
)
def test_patterns_are_sqls_and_mind_the_case(world: World, pattern: str, expected: list[str]) -> None:
    run = world.run()
    for path in ("a.txt", "A.txt", "a_b", "a*.txt", "a[b].txt"):
        put(world, run.key, path)

    assert paths(world, run.key, pattern=pattern) == (expected, len(expected))


def test_one_level_of_a_folder(world: World) -> None:
    run = world.run()
    for path in ("a/b/c", "a/b/d", "a/e", "a%b/x", "ab", "ü/y", "z"):
        put(world, run.key, path)

    def folders(**options: object) -> list[str]:
        return [*world.database.read(lambda tx: tx.files.list_folders(run.key, **options))]  # type: ignore[arg-type]

    assert folders() == ["a", "a%b", "ü"]
    assert folders(prefix="a/") == ["a/b"]
    assert folders(prefix="a/b/") == []
    assert folders(limit=1) == ["a"]
    assert folders(limit=1, after="a") == ["a%b"]
    assert paths(world, run.key, is_shallow=True) == (["ab", "z"], 2)
    assert paths(world, run.key, prefix="a/", is_shallow=True) == (["a/e"], 1)
