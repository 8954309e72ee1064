"""Two versions side by side: which files came, went and changed."""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.manifest import ArtifactManifest


@dataclass(frozen=True, slots=True)
class ManifestDifference:
    """What leads from one manifest to another. Lists are by size, the largest first."""

    added: list[ArtifactManifestEntry]
    removed: list[ArtifactManifestEntry]
    changed: list[tuple[ArtifactManifestEntry, ArtifactManifestEntry]]
    """As it was, and as it is."""
    unchanged: int

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same."""
        return not (self.added or self.removed or self.changed)


def compare_manifests(old: ArtifactManifest, new: ArtifactManifest) -> ManifestDifference:
    """What has to be done to `old` to have `new`.

    Entries are equal that have the same path and digest. Those of versions that are hashed by different algorithms
    cannot be compared: they count as changed.
    """
    added = [entry for path, entry in new.entries.items() if path not in old.entries]
    removed = [entry for path, entry in old.entries.items() if path not in new.entries]
    both = [(entry, new.entries[path]) for path, entry in old.entries.items() if path in new.entries]
    changed = [(was, now) for was, now in both if was.digest != now.digest]
    return ManifestDifference(
        _by_size(added),
        _by_size(removed),
        sorted(changed, key=lambda pair: (-max(pair[0].size or 0, pair[1].size or 0), pair[0].path)),
        len(both) - len(changed),
    )


def _by_size(entries: list[ArtifactManifestEntry]) -> list[ArtifactManifestEntry]:
    return sorted(entries, key=lambda entry: (-(entry.size or 0), entry.path))
