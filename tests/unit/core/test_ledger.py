"""Adding changes up gives what counting from scratch gives."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.ledger import BlobCounts, Ledger, Move, Naming
from kymograph.types import ArtifactId, BlobId, CollectionId, ProjectId

SIZES = {1: 10, 2: 200, 3: 3_000}
HOMES = {11: 101, 12: 101, 13: 102, 14: 103}
"""Versions and their collections."""
NEXT = {None: Move.COMMIT, "live": Move.DELETE, "trashed": Move.UNDELETE}


class Book:
    """Counters that a ledger keeps, as a database would."""

    def __init__(self) -> None:
        self.blobs = {key: BlobCounts(BlobId(key), ProjectId(1), size, 0, 0, 0, 0, 0) for key, size in SIZES.items()}
        self.held: defaultdict[int, dict[CollectionId, int]] = defaultdict(dict)
        self.own_of_versions: Counter[int] = Counter()
        self.own_of_collections: Counter[int] = Counter()
        self.content_of_collections: Counter[int] = Counter()
        self.project: Counter[str] = Counter()

    def move(self, content: dict[int, set[int]], versions: set[int], move: Move) -> None:
        """Move versions together, in one ledger."""
        ledger = Ledger()
        for key, counts in self.blobs.items():
            by_home: defaultdict[int, list[int]] = defaultdict(list)
            for version in versions:
                if key in content[version]:
                    by_home[HOMES[version]].append(version)
            namings = [
                Naming(BlobId(key), CollectionId(home), len(some), sum(some)) for home, some in sorted(by_home.items())
            ]
            if namings:
                self.blobs[key] = ledger.move(counts, namings, self.held[key], move)
        self.own_of_versions.update(ledger.own_of_versions)
        self.own_of_collections.update(ledger.own_of_collections)
        self.content_of_collections.update(ledger.content_of_collections)
        for change in ledger.projects.values():
            self.project.update(live=change.live_bytes, trashed=change.trashed_bytes, blobs=change.live_blobs)


def recount(content: dict[int, set[int]], states: dict[int, str | None]) -> tuple[dict[int, int] | dict[str, int], ...]:
    """Own bytes of versions and collections, content of collections, and sums of the project."""
    own_versions: Counter[int] = Counter()
    own_homes: Counter[int] = Counter()
    content_homes: Counter[int] = Counter()
    project: Counter[str] = Counter()
    for key, size in SIZES.items():
        live = [version for version, state in states.items() if state == "live" and key in content[version]]
        homes = {HOMES[version] for version in live}
        own_versions.update({live[0]: size} if len(live) == 1 else {})
        own_homes.update({min(homes): size} if len(homes) == 1 else {})
        content_homes.update(dict.fromkeys(homes, size))
        if live:
            project.update(live=size, blobs=1)
        elif any(state == "trashed" and key in content[version] for version, state in states.items()):
            project.update(trashed=size)
    return dict(own_versions), dict(own_homes), dict(content_homes), dict(project)


@given(
    content=st.fixed_dictionaries({version: st.sets(st.sampled_from(sorted(SIZES))) for version in HOMES}),
    steps=st.lists(st.tuples(st.sets(st.sampled_from(sorted(HOMES)), min_size=1), st.booleans()), max_size=12),
)
def test_counters_equal_a_recount_after_any_moves(
    content: dict[int, set[int]], steps: list[tuple[set[int], bool]]
) -> None:
    book = Book()
    states: dict[int, str | None] = dict.fromkeys(HOMES)
    for chosen, purges in steps:
        state = states[min(chosen)]
        together = {version for version in chosen if states[version] == state}
        move = Move.PURGE if state == "trashed" and purges else NEXT[state]
        book.move(content, together, move)
        after = {Move.COMMIT: "live", Move.UNDELETE: "live", Move.DELETE: "trashed", Move.PURGE: None}[move]
        states.update(dict.fromkeys(together, after))

        kept = (book.own_of_versions, book.own_of_collections, book.content_of_collections, book.project)
        assert tuple({key: value for key, value in counter.items() if value} for counter in kept) == recount(
            content, states
        )


def test_moved_content_is_summed_once_per_blob() -> None:
    ledger = Ledger()
    counts = BlobCounts(BlobId(1), ProjectId(1), 10, 0, 0, 0, 0, 0)

    after = ledger.move(counts, [Naming(BlobId(1), CollectionId(5), 2, 7)], {}, Move.COMMIT)

    assert ledger.named_bytes == 10
    assert (after.refs, after.ref_sum, after.collections, after.collection_sum) == (2, 7, 1, 5)
    assert ledger.own_of_versions[ArtifactId(7)] == 0
    assert ledger.projects[ProjectId(1)].live_bytes == 10
