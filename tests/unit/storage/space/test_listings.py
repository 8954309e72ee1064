"""Folders of entries, and differences of versions."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.artifact_browse import ChangeKind, ChangeOrder, ChangeTotal, EntryChange, FolderItem
from kymograph.storage.space.base import NewEntry
from kymograph.types import Digest
from tests.unit.storage.metadata.builders import World
from tests.unit.storage.space.content import draft

PARTS = ["a", "a-b", "a0", "b", "\x01", "\x1a", "ü", "\U0010ffff", "."]
Paths = st.sets(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join), max_size=12)


def version_with(world: World, paths: Iterable[str], *, digest: str = "") -> ArtifactVersion:
    version = draft(world)
    new = [NewEntry(path, digest or f"of {path}", len(path), None) for path in sorted(paths)]
    world.database.write(lambda tx: tx.entries.add(version.id, new))
    return version


def folder(world: World, version: ArtifactVersion, path: str = "", **options: object) -> list[FolderItem]:
    return world.database.read(
        lambda tx: tx.listings.list_folder(version.id, path, **options)  # type: ignore[arg-type]
    )


def expected(paths: Iterable[str], path: str) -> list[FolderItem]:
    """The same in the plainest way; files and folders of one name are different things."""
    found: dict[str, FolderItem] = {}
    for each in paths:
        if not each.startswith(path):
            continue
        head, slash, _ = each[len(path) :].partition("/")
        name = path + head + slash
        if not slash:
            found[name] = FolderItem(name, 1, len(each), Digest(f"of {each}"), is_reference=True)
        else:
            known = found.get(name, FolderItem(name, 0, 0))
            found[name] = FolderItem(name, known.files + 1, known.size_bytes + len(each))
    return [found[name] for name in sorted(found)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=Paths, path=st.sampled_from(["", "a/", "a/a/", "a-b/", "\x01/", "\U0010ffff/"]), limit=st.integers(1, 4))
def test_folders_hold_what_a_plain_search_finds_in_pages_of_any_size(
    world: World, paths: set[str], path: str, limit: int
) -> None:
    # A file cannot be a folder, too.
    paths = {each for each in paths if not any(other.startswith(f"{each}/") for other in paths)}
    version = version_with(world, paths)

    pages: list[FolderItem] = []
    while page := folder(world, version, path, after=pages[-1].path if pages else None, limit=limit):
        assert len(page) <= limit
        pages += page

    assert pages == expected(paths, path)


def test_comparing_tells_what_was_added_removed_and_changed(world: World) -> None:
    old, new = draft(world), draft(world)
    world.database.write(
        lambda tx: tx.entries.add(
            old.id, [NewEntry("gone", "g", 5, None), NewEntry("kept", "k", 7, None), NewEntry("other", "o", 1, None)]
        )
    )
    world.database.write(
        lambda tx: tx.entries.add(
            new.id, [NewEntry("kept", "k", 7, None), NewEntry("new", "n", 3, None), NewEntry("other", "p", 100, None)]
        )
    )
    changed = EntryChange("other", ChangeKind.CHANGED, Digest("o"), 1, Digest("p"), 100)
    removed = EntryChange("gone", ChangeKind.REMOVED, Digest("g"), 5, None, None)
    added = EntryChange("new", ChangeKind.ADDED, None, None, Digest("n"), 3)

    page = world.database.read(lambda tx: tx.listings.compare(old.id, new.id))

    assert page.changes == [changed, removed, added]
    assert page.totals == {
        ChangeKind.ADDED: ChangeTotal(1, 0, 3),
        ChangeKind.REMOVED: ChangeTotal(1, 5, 0),
        ChangeKind.CHANGED: ChangeTotal(1, 1, 100),
    }
    assert page.count(None) == 3
    by_path = world.database.read(
        lambda tx: tx.listings.compare(old.id, new.id, order=ChangeOrder.PATH, limit=2, offset=1)
    )
    assert by_path.changes == [added, changed]
    only = world.database.read(lambda tx: tx.listings.compare(old.id, new.id, kind=ChangeKind.ADDED))
    assert only.changes == [added]
    assert only.count(ChangeKind.ADDED) == 1


def test_equal_versions_do_not_differ(world: World) -> None:
    old, new = version_with(world, ["a", "b/c"]), version_with(world, ["a", "b/c"])

    page = world.database.read(lambda tx: tx.listings.compare(old.id, new.id))

    assert page.changes == []
    assert page.count(None) == 0
