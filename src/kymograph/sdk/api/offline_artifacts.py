"""Artifacts of `Api(offline=True)`: what was logged in folders of this machine, and what was seen of servers.

Versions that no server has numbered, as far as is known here, have no version, and are found by their aliases: a number
of our own making could mean another version elsewhere. Source of what servers have: `sdk.artifacts.seen_versions`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from kymograph.client.artifact_lookups import COMMITTED_ONLY
from kymograph.client.artifact_values import (
    CollectionAddress,
    Page,
    RemoteCollection,
    RemoteType,
)
from kymograph.client.operations import Operation, given
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.core.artifact import split_artifact_name
from kymograph.core.artifact_filters import (
    parse_collection_filter,
    parse_collection_order,
    parse_version_filter,
    parse_version_order,
)
from kymograph.core.filter_matching import in_order, matches
from kymograph.core.filters import Field, Filter, Order, Scope
from kymograph.core.flatten import iter_leaves
from kymograph.errors import CollectionNotFound, VersionNotHere
from kymograph.sdk.api.catalog import Filters
from kymograph.sdk.api.journal_artifacts import FolderArtifacts, read_artifacts
from kymograph.sdk.api.local_versions import CollectionHere, LocalVersion, VersionHere, offline_artifacts
from kymograph.sdk.api.offline import LocalReads, time_text
from kymograph.sdk.artifacts.collection import ArtifactCollection
from kymograph.sdk.artifacts.manifest_reading import parse_manifest
from kymograph.sdk.artifacts.version import artifact_of

if TYPE_CHECKING:
    from kymograph.sdk.api.either import Sync
    from kymograph.sdk.api.run import Run
    from kymograph.sdk.api.session import ApiSession
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.seen_versions import SeenVersion

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Collection:
    """A collection with the versions that are known."""

    at: CollectionAddress
    versions: list[LocalVersion]
    """The newest first; at least one."""

    @property
    def remote(self) -> RemoteCollection:
        """As far as a server would tell the same."""
        newest, oldest = self.versions[0], self.versions[-1]
        return RemoteCollection(
            id=self.at.path,
            address=self.at,
            kind=newest.kind,
            type_name=newest.remote.type_name,
            created_at=oldest.remote.created_at,
            updated_at=newest.remote.created_at,
        )


class LocalCatalog:
    """Artifacts on this machine. See `client.artifact_lookups` for what each operation gives."""

    # docstrings there
    # ruff: noqa: D102

    def __init__(self, session: ApiSession[Sync], reads: LocalReads) -> None:
        """Look where runs are read.

        Args:
            session: Of the `Api`.
            reads: Finds the runs.
        """
        self._api, self._reads = session, reads
        self._session = offline_artifacts(session.settings)
        self._read: dict[Path, tuple[int, FolderArtifacts]] = {}

    # --- what is known -----------------------------------------------------------------------------------------------

    def _folders(self) -> Iterable[tuple[RunAddress, FolderArtifacts]]:
        for at, local in self._reads.iter_runs():
            folder = local.folder
            size = sum(path.stat().st_size for path in (folder.journal, folder.ledger) if path.exists())
            known = self._read.get(folder.path)
            if known is None or known[0] != size:
                started_at = time_text(local.started_at or local.changed_at)
                known = self._read[folder.path] = size, read_artifacts(folder, at, started_at=started_at)
            yield at, known[1]

    def _collections(self) -> dict[CollectionAddress, _Collection]:
        found: defaultdict[CollectionAddress, list[LocalVersion]] = defaultdict(list)
        for seen in self._session.seen.iter_all(self._session.client.base_url):
            found[seen.place.collection].append(_seen(seen))
        ids = {(at, version.remote.id) for at, versions in found.items() for version in versions}
        for _, folder in self._folders():
            for version in (*folder.logged, *folder.linked):
                if (version.place, version.remote.id) not in ids:
                    found[version.place].append(version)
        return {at: _Collection(at, _settled(versions)) for at, versions in found.items()}

    def _in_project(self, entity: str, project: str) -> list[_Collection]:
        found = [each for at, each in self._collections().items() if (at.entity, at.project) == (entity, project)]
        if not found:
            self._reads.project(entity, project)  # no artifacts, or no such project: that is an error
        return found

    def _find(self, at: CollectionAddress, type_name: str) -> _Collection:
        found = self._collections().get(at)
        if found is None or found.remote.type_name != type_name:
            raise CollectionNotFound(at.name, within=f"{at.entity}/{at.project} ({type_name}) on this machine")
        return found

    # --- types and collections ---------------------------------------------------------------------------------------

    def types(self, entity: str, project: str, *, cursor: str | None, per_page: int) -> Operation[Page[RemoteType]]:
        known: dict[str, RemoteType] = {}
        for collection in self._in_project(entity, project):
            remote = collection.remote
            known.setdefault(remote.type_name, RemoteType(remote.type_name, remote.type_name, None, remote.created_at))
        return given(Page(sorted(known.values(), key=lambda each: each.name), None, len(known)))

    def find_type(self, entity: str, project: str, name: str) -> Operation[RemoteType | None]:
        page = yield from self.types(entity, project, cursor=None, per_page=0)
        return next((found for found in page.items if found.name == name), None)

    def collections(
        self,
        entity: str,
        project: str,
        type_name: str | None,
        *,
        order: str | None,
        filters: Filters | None,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[ArtifactCollection]]:
        found = [
            each for each in self._in_project(entity, project) if type_name in (None, each.versions[0].remote.type_name)
        ]
        wanted = parse_collection_filter(exact_json.dumps(dict(filters or {})))
        chosen = _chosen(found, wanted, _collection_value, parse_collection_order(order) if order else None)
        return given(Page([self._made(each) for each in chosen], None, len(chosen)))

    def collection(self, at: CollectionAddress, type_name: str) -> Operation[ArtifactCollection]:
        return given(self._made(self._find(at, type_name)))

    def _made(self, collection: _Collection) -> ArtifactCollection:
        return CollectionHere(self._session, collection.remote, [self._version(each) for each in collection.versions])

    # --- versions ----------------------------------------------------------------------------------------------------

    def versions(
        self,
        at: CollectionAddress,
        type_name: str,
        *,
        order: str | None,
        filters: Filters | None,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[Artifact]]:
        found = self._find(at, type_name)
        wanted = parse_version_filter(exact_json.dumps(dict(COMMITTED_ONLY if filters is None else filters)))
        chosen = _chosen(found.versions, wanted, _version_value, parse_version_order(order) if order else None)
        return given(Page([artifact_of(self._version(each)) for each in chosen], None, len(chosen)))

    def artifact(self, at: CollectionAddress) -> Operation[Artifact]:
        name, alias = split_artifact_name(at.name)
        found = self._collections().get(replace(at, name=name))
        for version in found.versions if found is not None else ():
            if alias in (version.version, *version.aliases):
                return given(artifact_of(self._version(version, asked=at.name)))
        raise VersionNotHere(at.name, entity=at.entity, project=at.project)

    def of_run(
        self, at: RunAddress, which: Literal["input", "output"], *, cursor: str | None, per_page: int
    ) -> Operation[Page[Artifact]]:
        folders = [folder for known, folder in self._folders() if known == at]
        by_id = {
            version.remote.id: version
            for collection in self._collections().values()
            for version in collection.versions
            if version.place == version.remote.source
        }
        if not folders:
            self._reads.run(at)  # no such run here: that is an error
        if which == "output":
            versions = [by_id.get(each.remote.id, each) for folder in folders for each in folder.logged]
        else:
            versions = []
            for use in (use for folder in folders for use in folder.used):
                if use.id not in by_id:
                    raise VersionNotHere(use.name, entity=at.entity, project=at.project)
                versions.append(by_id[use.id])
        versions = list({version.remote.id: version for version in versions}.values())
        return given(Page([artifact_of(self._version(each)) for each in versions], None, len(versions)))

    def _version(self, known: LocalVersion, *, asked: str = "") -> VersionHere:
        return VersionHere(self._session, known, self._run, asked=asked)

    def _run(self, at: RunAddress) -> Run[Sync]:
        from kymograph.sdk.api.run import Run

        return Run(self._api, at, self._api.perform(self._reads.run(at)))


def _seen(seen: SeenVersion) -> LocalVersion:
    place = seen.place
    remote = place.artifact
    assert remote is not None
    return LocalVersion(
        remote,
        place.collection,
        place.kind,
        place.version_index,
        list(place.aliases),
        (remote.created_at, place.version_index or 0),
        partial(_parse, seen.manifest, name=place.collection.name),
        linked_at=place.created_at,
    )


def _parse(read: Callable[[], bytes], *, name: str) -> Any:
    return parse_manifest(read(), name=name)


def _settled(versions: list[LocalVersion]) -> list[LocalVersion]:
    """Versions of a collection, the newest first, as logging them one after the other would leave them.

    Content that was the newest already makes no new version. An alias is where it was set last.
    """
    kept: list[LocalVersion] = []
    for version in sorted(versions, key=lambda each: each.order):
        last = kept[-1] if kept else None
        if last is not None and last.remote.digest == version.remote.digest and version.version_index is None:
            tags = dict.fromkeys((*last.remote.tags, *version.remote.tags))
            aliases = list(dict.fromkeys((*last.aliases, *version.aliases)))
            kept[-1] = replace(last, aliases=aliases, remote=replace(last.remote, tags=tuple(tags)))
        else:
            kept.append(version)
    settled: list[LocalVersion] = []
    taken: set[str] = set()
    for version in reversed(kept):
        settled.append(replace(version, aliases=[alias for alias in version.aliases if alias not in taken]))
        taken.update(version.aliases)
    return settled


def _chosen(items: list[T], wanted: Filter, value_of: Callable[[T, Field], Any], order: Order | None) -> list[T]:
    found = [item for item in items if matches(wanted, partial(value_of, item))]
    return found if order is None else in_order(found, [order], value_of)


def _collection_value(collection: _Collection, field: Field) -> Any:
    remote = collection.remote
    values = {
        "id": remote.id,
        "name": remote.address.name,
        "type": remote.type_name,
        "tag": list(remote.tags),
        "created_at": remote.created_at,
        "updated_at": remote.updated_at,
    }
    return values.get(field.name)


def _version_value(version: LocalVersion, field: Field) -> Any:
    remote = version.remote
    if field.scope is Scope.METADATA:
        return dict(iter_leaves(remote.metadata)).get(field.name)
    values = {
        "id": remote.id,
        "state": remote.state,
        "tag": list(remote.tags),
        "alias": list(version.aliases),
        "version_index": version.version_index,
        "digest": remote.digest,
        "description": remote.description,
        "type": remote.type_name,
        "size": remote.size_bytes,
        "created_at": remote.created_at,
        "updated_at": remote.updated_at or remote.created_at,
        "linked_at": version.linked_at,
    }
    return values.get(field.name)
