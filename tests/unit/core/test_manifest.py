"""The digest that names an artifact's content."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.manifest import ManifestEntry, manifest_digest
from kymograph.types import Digest, FilePath

ENTRIES = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=6).map(
    lambda found: [ManifestEntry(FilePath(path), Digest(digest), 1) for path, digest in found.items()]
)


def test_the_digest_is_that_of_the_protocol() -> None:
    entries = [ManifestEntry(FilePath("b"), Digest("Qg=="), 1), ManifestEntry(FilePath("a"), Digest("QQ=="), 1)]

    expected = hashlib.md5(b"wandb-artifact-manifest-v1\na:QQ==\nb:Qg==\n").hexdigest()

    assert manifest_digest(entries) == expected
    assert manifest_digest([]) == hashlib.md5(b"wandb-artifact-manifest-v1\n").hexdigest()


def test_paths_are_ordered_as_their_utf8_bytes_are() -> None:
    """Clients in Go order by bytes, those in Python by code points: the same, but not that of UTF-16."""
    paths = ["\U0001f600", "\uffee", "z", "é"]
    entries = [ManifestEntry(FilePath(path), Digest("d"), 1) for path in paths]

    lines = "".join(f"{path}:d\n" for path in sorted(paths, key=str.encode))

    assert manifest_digest(entries) == hashlib.md5(f"wandb-artifact-manifest-v1\n{lines}".encode()).hexdigest()


@given(ENTRIES)
def test_the_order_of_entries_does_not_matter(entries: list[ManifestEntry]) -> None:
    assert manifest_digest(entries) == manifest_digest(entries[::-1])


@given(ENTRIES)
def test_sizes_references_and_origins_do_not_matter(entries: list[ManifestEntry]) -> None:
    others = [ManifestEntry(entry.path, entry.digest, 9, ref="s3://x/y") for entry in entries]

    assert manifest_digest(entries) == manifest_digest(others)
