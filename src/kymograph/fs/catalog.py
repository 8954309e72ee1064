"""What is above the files of artifacts: projects, types, collections, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kymograph.client.artifact_values import CollectionAddress, RemoteArtifact, RemoteCollection
from kymograph.client.run_files import parse_time
from kymograph.core.names import parse_version
from kymograph.errors import PathNotFound
from kymograph.fs.paths import ArtifactPath, join

if TYPE_CHECKING:
    from kymograph.fs.session import Session
    from kymograph.fs.versions import Version

PER_PAGE = 500
Info = dict[str, Any]


class Catalog:
    """Lists and finds, and changes names. Waits; safe to share between threads."""

    def __init__(self, session: Session) -> None:
        """Prepare; nothing is asked yet."""
        self._session = session

    def children(self, at: ArtifactPath) -> list[Info]:
        """What is right below a path above a version.

        Raises:
            NotFoundError: There is no such thing.
        """
        path = str(at)
        if at.entity is None:
            return [_folder(name) for name in self._session.run_files.entities()]
        if at.project is None:
            return [
                _folder(join(path, one.name), created=one.created_at)
                for one in self._session.run_files.projects(at.entity)
            ]
        if at.type_name is None:
            return [_folder(join(path, name)) for name in self._types(at)]
        if at.name is None:
            return [_folder(join(path, one.address.name), **_of_collection(one)) for one in self._collections(at)]
        return self._versions(at)

    def find(self, at: ArtifactPath) -> Info:
        """What is at a path above a version.

        Raises:
            NotFoundError: There is no such thing.
        """
        entity, project = str(at.entity), str(at.project)
        if at.project is None:
            self._session.run_files.projects(entity)
            return _folder(str(at))
        if at.type_name is None:
            return _folder(str(at), created=self._session.run_files.project(entity, project).created_at)
        if at.name is None:
            found = self._session.collections.find_type(entity, project, at.type_name)
            if found is None:
                raise PathNotFound(str(at))
            return _folder(str(at), created=parse_time(found.created_at))
        return _folder(str(at), **_of_collection(self.collection(at)))

    def collection(self, at: ArtifactPath) -> RemoteCollection:
        """The collection of a path.

        Raises:
            CollectionNotFound: There is none.
        """
        return self._session.collections.get(str(at.entity), str(at.project), str(at.type_name), str(at.name))

    def rename(self, at: ArtifactPath, name: str) -> None:
        """Give a collection another name."""
        found = self.collection(at)
        self._session.collections.update(found, name=name, description=found.description)

    def move_alias(self, version: Version, old: str, new: str) -> None:
        """Give a version another alias in place of one."""
        self._session.artifacts.add_aliases(version.id, version.place, [new])
        self._session.artifacts.delete_aliases(version.id, version.place, [old])

    def _types(self, at: ArtifactPath) -> list[str]:
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = self._session.collections.types(str(at.entity), str(at.project), cursor=cursor, per_page=PER_PAGE)
            names += [one.name for one in page.items]
            cursor = page.cursor
            if cursor is None:
                return sorted(names)

    def _collections(self, at: ArtifactPath) -> list[RemoteCollection]:
        found: list[RemoteCollection] = []
        cursor: str | None = None
        while True:
            page = self._session.collections.list_of_type(
                str(at.entity), str(at.project), str(at.type_name), cursor=cursor, per_page=PER_PAGE
            )
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        if (
            not found
            and self._session.collections.find_type(str(at.entity), str(at.project), str(at.type_name)) is None
        ):
            raise PathNotFound(str(at))
        return sorted(found, key=lambda one: one.address.name)

    def _versions(self, at: ArtifactPath) -> list[Info]:
        collection = self.collection(at)
        found: list[tuple[str, RemoteArtifact]] = []
        cursor: str | None = None
        while True:
            page = self._session.collections.versions(collection, cursor=cursor, per_page=PER_PAGE)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        path = str(at)
        return [
            _folder(join(path, name), **_of_version(name, artifact, collection.address))
            for name, artifact in sorted(((_name(name), artifact) for name, artifact in found), key=_index)
        ]


def _name(version: str) -> str:
    return version if version.startswith("v") else f"v{version}"


def _index(item: tuple[str, Any]) -> int:
    return parse_version(item[0]) or 0


def _folder(name: str, **more: Any) -> Info:
    return {"name": name, "size": 0, "type": "directory", **more}


def _of_collection(collection: RemoteCollection) -> Info:
    created = parse_time(collection.created_at)
    return {
        "created": created,
        "mtime": parse_time(collection.updated_at) or created,
        "description": collection.description,
        "tags": list(collection.tags),
    }


def _of_version(name: str, artifact: RemoteArtifact, place: CollectionAddress) -> Info:
    created = parse_time(artifact.created_at)
    return {
        "version": name,
        "digest": artifact.digest,
        "aliases": [alias for alias in artifact.aliases_in(place) if parse_version(alias) is None],
        "created": created,
        "mtime": parse_time(artifact.updated_at) or created,
    }
