"""What a version has that another one has not: its manifest, told as changes.

Source: docs/protocol/bulk-transfers.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kymograph.client.artifact_entries import LoggedEntry

MAX_SHARE = 0.5
"""Of more changes than this, the whole manifest is told."""


@dataclass(frozen=True, slots=True)
class ManifestChanges:
    """How one version differs from another."""

    changed: list[LoggedEntry]
    """What is not there, or differs."""
    removed: list[str]
    """Paths that are there only."""
    kept: int
    """How many entries both have."""

    @property
    def is_small(self) -> bool:
        """Whether it is less than the manifest itself."""
        return len(self.changed) + len(self.removed) <= MAX_SHARE * self.kept


def find_changes(entries: Iterable[LoggedEntry], base: Mapping[str, Mapping[str, Any]]) -> ManifestChanges:
    """Compare a version with a manifest.

    Args:
        entries: Of the version.
        base: Entries of the manifest by path, as documents have them.
    """
    left = dict(base)
    changed: list[LoggedEntry] = []
    kept = 0
    for entry in entries:
        form = left.pop(entry.path, None)
        if form is not None and _is_same(entry, form):
            kept += 1
        else:
            changed.append(entry)
    return ManifestChanges(changed, list(left), kept)


def _is_same(entry: LoggedEntry, form: Mapping[str, Any]) -> bool:
    return (
        form.get("digest") == entry.digest
        and form.get("size") == entry.size_bytes
        and form.get("ref") == entry.ref
        and (form.get("extra") or {}) == entry.extra
    )
