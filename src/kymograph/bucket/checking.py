"""Whether what a version refers to is there, and is what it was."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kymograph.bucket.destination import MARK
from kymograph.bucket.downloading import AT_ONCE, known_md5
from kymograph.bucket.stores.base import StoredObject
from kymograph.bucket.stores.registry import open_store
from kymograph.client.parallel import in_parallel
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import IntegrityError, NotFoundError
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.base import is_unchecked
from kymograph.sdk.artifacts.references.registry import References


@dataclass(slots=True)
class Findings:
    """What is wrong, by the paths of entries."""

    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    checked: int = 0
    unchecked: list[str] = field(default_factory=list)
    """There, and nothing is known of what they should be."""

    @property
    def is_whole(self) -> bool:
        """Whether everything is there, and as it was as far as anybody can tell."""
        return not (self.missing or self.changed)

    def take(self, entries: Sequence[ArtifactManifestEntry], verdicts: Sequence[str]) -> None:
        """Note what was found of each entry: ``checked``, ``missing``, ``changed`` or ``unchecked``."""
        for entry, verdict in zip(entries, verdicts, strict=True):
            if verdict == "checked":
                self.checked += 1
            else:
                getattr(self, verdict).append(entry.path)


def check_entries(
    entries: Sequence[ArtifactManifestEntry], references: References, *, with_content: bool = False
) -> Findings:
    """Look for what entries refer to.

    Args:
        entries: Of a version.
        references: Fetches what lies elsewhere.
        with_content: Whether each is fetched and hashed; otherwise what the place says of it counts.

    Raises:
        CommError: A place cannot be asked.
    """
    findings = Findings()
    listed = {} if with_content else _listed(entries)

    def judge(entry: ArtifactManifestEntry) -> str:
        found = listed.get(entry.path)
        if found is not None and found.size_bytes == entry.size and found.digest == entry.digest:
            return "checked"
        if entry.ref is None:
            return "unchecked"  # at the tracker, which checked it when it came
        # Not the current object, or not listed: what was noted may be an older version, which is fetched by its id.
        verdict = _fetched(entry, references)
        return "changed" if verdict == "missing" and found is not None else verdict

    findings.take(entries, in_parallel(judge, entries, threads=AT_ONCE))
    return findings


def check_folder(entries: Sequence[ArtifactManifestEntry], folder: Path) -> Findings:
    """Look whether a folder of this machine has the files of a version, and is complete.

    Args:
        entries: Of the version.
        folder: The folder; a mark of an unfinished download in it counts as a change.
    """
    findings = Findings(changed=[MARK] if (folder / MARK).exists() else [])

    def judge(entry: ArtifactManifestEntry) -> str:
        target = folder / entry.path
        if not target.is_file():
            return "missing"
        if entry.size is not None and target.stat().st_size != entry.size:
            return "changed"
        md5 = entry.digest if entry.ref is None else known_md5(entry)
        if md5 is None:
            return "unchecked"
        algorithm = entry.digest_algorithm() if entry.ref is None else DigestAlgorithm.MD5
        return "checked" if hash_file(target, algorithm) == md5 else "changed"

    findings.take(entries, in_parallel(judge, entries))
    return findings


def _listed(entries: Sequence[ArtifactManifestEntry]) -> dict[str, StoredObject]:
    """Objects by the path of their entries, as one listing of the folder above all of them tells them."""
    refs = [entry.ref for entry in entries if entry.ref is not None]
    if not refs:
        return {}
    folder = _common_folder(refs)
    if folder is None:
        return {}
    try:
        objects = {found.ref: found for found in open_store(folder).iter_objects("")}
    except NotFoundError:
        return {}
    return {entry.path: objects[entry.ref] for entry in entries if entry.ref in objects}


def _common_folder(refs: Sequence[str]) -> str | None:
    """The deepest folder that all addresses are in; None if they share none below a bucket."""
    first = min(refs).split("/")[:-1]
    last = max(refs).split("/")[:-1]
    shared = []
    for left, right in zip(first, last, strict=False):
        if left != right:
            break
        shared.append(left)
    return "/".join(shared) if len(shared) > 3 or (len(shared) == 3 and shared[2]) else None


def _fetched(entry: ArtifactManifestEntry, references: References) -> str:
    """What becomes of fetching an entry."""
    with tempfile.TemporaryDirectory(prefix="wabucket-") as folder:
        target = Path(folder, "file")
        try:
            references.fetch(entry, target)
        except NotFoundError:
            return "missing"
        except IntegrityError:
            return "changed"
        md5 = known_md5(entry)
        if entry.size is not None and target.stat().st_size != entry.size:
            return "changed"
        if md5 is not None:
            return "checked" if hash_file(target) == md5 else "changed"
        return "unchecked" if is_unchecked(entry) else "checked"
