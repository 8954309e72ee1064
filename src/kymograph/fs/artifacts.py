"""``wandbas``: artifacts as a file system.

``entity/project/type/name/version/path``, or ``entity/project/name:version/path``. Versions never change. New ones are
made in a draft (`ArtifactFileSystem.draft`), or in a transaction: one of each collection that is written to.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.asyn import sync, sync_wrapper  # type: ignore[import-untyped] # it has no types
from fsspec.callbacks import DEFAULT_CALLBACK  # type: ignore[import-untyped]

from kymograph.client.artifact_values import CollectionAddress
from kymograph.client.run_files import parse_time
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.names import parse_version
from kymograph.errors import FolderNotEmpty, IsFile, IsFolder, PathExists, PathNotFound, ReadOnlyPath
from kymograph.fs.artifact_transaction import ArtifactTransaction
from kymograph.fs.base import Info, ProtocolFileSystem, folder_info
from kymograph.fs.catalog import Catalog
from kymograph.fs.contents import Contents
from kymograph.fs.drafts import DRAFT, Draft
from kymograph.fs.files import BlockFile
from kymograph.fs.paths import ArtifactPath, join, parts_of
from kymograph.fs.spans import span_of
from kymograph.fs.tree import Tree
from kymograph.fs.versions import Entry, Version, Versions

_drafts: dict[tuple[str | None, str | None], dict[CollectionAddress, Draft]] = {}
"""Drafts of this process, by server and user."""
_SEALED = "versions of artifacts never change: write in a transaction, or in a draft"


class ArtifactFileSystem(ProtocolFileSystem):
    """Artifacts; see `ProtocolFileSystem` for the options."""

    protocol = ("wandbas",)
    transaction_type = ArtifactTransaction

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._readers: tuple[Any, Versions, Contents, Catalog] | None = None
        # Libraries make further file systems of one that they are given, and mean the same drafts.
        self._drafts = _drafts.setdefault((self._way.base_url, self._way.api_key), {})

    @classmethod
    def split_path(cls, path: str) -> tuple[str | None, str | None, str | None, str | None, str | None, str | None]:
        """Entity, project, type, name, version and path inside the version; None for what is missing.

        Raises:
            InvalidName: A component is ``..``.
        """
        found: tuple[Any, Any, Any, Any, Any, Any] = parts_of(ArtifactPath.parse(cls._strip_protocol(path)))
        return found

    def _parsed(self, path: str) -> ArtifactPath:
        return ArtifactPath.parse(self._whole(path))

    def _reading(self) -> tuple[Versions, Contents, Catalog]:
        session = self.session
        known = self._readers
        if known is None or known[0] is not session:
            versions = Versions(session)
            known = self._readers = (session, versions, Contents(session, versions), Catalog(session))
        return known[1], known[2], known[3]

    # --- drafts ------------------------------------------------------------------------------------------------------

    def draft(
        self,
        path: str,
        *,
        base: str | None = None,
        aliases: Iterable[str] = (),
        description: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> Draft:
        """Begin a new version of a collection; its files are at ``<collection>/draft/…`` until it is committed.

        Args:
            path: Of the collection: ``entity/project/type/name``.
            base: A version or alias of it whose files the new one begins with; by default there are none.
            aliases: Of the new version, besides ``latest``.
            description: Of it.
            metadata: Of it.

        Raises:
            FileExistsError: There is a draft of this collection already.
            FileNotFoundError: There is no such base.
        """
        at = self._parsed(self._strip_protocol(path))
        if at.name is None or at.type_name is None or at.version is not None:
            raise ReadOnlyPath(path, reason="a draft is of a collection: entity/project/type/name")
        found = None
        if base is not None:
            versions, _, _ = self._reading()
            wanted = ArtifactPath(at.entity, at.project, at.type_name, at.name, base)
            found = sync(self.loop, self.session.call, versions.find, wanted)
        return self._begin_draft(at, found, aliases=aliases, description=description, metadata=metadata)

    def _begin_draft(self, at: ArtifactPath, base: Version | None, **more: Any) -> Draft:
        place = _place(at)
        if place in self._drafts:
            raise PathExists(self._drafts[place].path)
        made = self._drafts[place] = Draft(self, at, base=base, **more)
        return made

    def _commit_draft(self, draft: Draft) -> str:
        return str(sync(self.loop, self._commit, draft))

    async def _commit(self, draft: Draft) -> str:
        from kymograph.client.artifact_reads import active_run
        from kymograph.fs.publishing import publish

        session = self.session
        run = active_run(session.client.base_url)
        artifact_id = await session.call(publish, session, draft, run)
        versions, _, _ = self._reading()
        version = await session.call(versions.by_id, artifact_id)
        self._forget_draft(draft)
        draft.close()
        return self._shown(join(draft.at.version_path, version.name))

    def _forget_draft(self, draft: Draft) -> None:
        place = _place(draft.at)
        if self._drafts.get(place) is draft:
            del self._drafts[place]
        self._forget_collection(place)

    def _forget_collection(self, place: CollectionAddress) -> None:
        versions, _, _ = self._reading()
        versions.forget(place)
        # A collection may be new, and its type: what lists them is of another time, too.
        self.invalidate_cache(self._shown(join(place.entity, place.project)))

    def _draft_at(self, at: ArtifactPath) -> Draft | None:
        """The draft that a path leads into."""
        return self._drafts.get(_place(at)) if at.version == DRAFT else None

    # --- what is there -----------------------------------------------------------------------------------------------

    async def _version(self, at: ArtifactPath) -> Version:
        """The version that a path names; aliases may lead to another one a little later."""
        key = f"{join(at.entity, at.project, at.name)}:{at.version}"
        known = self.dircache.get(key)
        if isinstance(known, Version) and at.type_name in (None, known.artifact.type_name):
            return known
        versions, _, _ = self._reading()
        found: Version = await self.session.call(versions.find, at)
        self.dircache[key] = found
        return found

    async def _files(self, at: ArtifactPath) -> tuple[Tree[Entry], Version | Draft]:
        draft = self._draft_at(at)
        if draft is not None:
            return draft.tree, draft
        version = await self._version(at)
        return version.tree, version

    async def _list(self, path: str) -> list[Info]:
        at = self._parsed(path)
        if at.version is None:
            known = self.dircache.get(path)
            if known is None:
                _, _, catalog = self._reading()
                infos = await self.session.call(catalog.children, at)
                known = self.dircache[path] = [{**info, "name": self._shown(info["name"])} for info in infos]
            infos = list(known)
            draft = self._drafts.get(_place(at)) if at.name is not None else None
            return infos if draft is None else [*infos, folder_info(draft.path)]
        tree, source = await self._files(at)
        folder = at.file_path or ""
        root = self._shown(at.version_path)
        if not tree.is_folder(folder):
            if folder in tree.files:
                return [self._file_info(root, tree.files[folder], source)]
            raise PathNotFound(path)
        return [
            folder_info(join(root, name)) if entry is None else self._file_info(root, entry, source)
            for name, entry in tree.children(folder)
        ]

    async def _info(self, path: str, **_options: Any) -> Info:
        path = self._strip_protocol(path)
        at = self._parsed(path)
        if at.version is None:
            if at.entity is None:
                return folder_info("")
            listed = self.dircache.get(self._parent(path))
            found = next((info for info in listed or () if info["name"] == path), None)
            if found is not None:
                return dict(found)
            if at.name is not None and _place(at) in self._drafts:
                return folder_info(path)
            _, _, catalog = self._reading()
            info = await self.session.call(catalog.find, at)
            return {**info, "name": path}
        tree, source = await self._files(at)
        if at.file_path is None:
            return self._version_info(path, source)
        if at.file_path in tree.files:
            return self._file_info(self._shown(at.version_path), tree.files[at.file_path], source)
        if tree.is_folder(at.file_path):
            return folder_info(path)
        raise PathNotFound(path)

    def _version_info(self, path: str, source: Version | Draft) -> Info:
        if isinstance(source, Draft):
            return folder_info(path)
        artifact = source.artifact
        return folder_info(
            path,
            version=source.name,
            digest=artifact.digest,
            aliases=list(source.aliases),
            description=artifact.description,
            metadata=artifact.metadata,
            created=source.committed_at,
            mtime=parse_time(artifact.updated_at) or source.committed_at,
        )

    def _file_info(self, root: str, entry: Entry, source: Version | Draft) -> Info:
        is_md5 = entry.ref is None and entry.algorithm is DigestAlgorithm.MD5
        info: Info = {
            "name": join(root, entry.name),
            "size": entry.size_bytes,
            "type": "file",
            "digest": entry.digest,
            "md5": entry.digest if is_md5 else None,
            "mimetype": mimetypes.guess_type(entry.name)[0],
            "ref": entry.ref,
        }
        if isinstance(source, Draft):
            staged = source.staged(entry.name)
            changed_at = staged.changed_at if staged is not None else source.base and source.base.committed_at
            return {**info, "created": changed_at, "mtime": changed_at}
        return {**info, "version": source.name, "created": source.committed_at, "mtime": source.committed_at}

    async def _find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **options: Any
    ) -> Any:
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        at = self._parsed(path)
        options.pop("prefix", None)
        if at.version is None:
            return await super()._find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **options)
        try:
            tree, source = await self._files(at)
        except FileNotFoundError:
            return {} if detail else []
        folder, root = at.file_path or "", self._shown(at.version_path)
        found = {join(root, name): self._file_info(root, entry, source) for name, entry in tree.below(folder)}
        if withdirs:
            found |= {join(root, name): folder_info(join(root, name)) for name in tree.folders_below(folder)}
        base = path.count("/")
        if maxdepth is not None:
            found = {name: info for name, info in found.items() if name.count("/") - base <= maxdepth}
        if (withdirs and tree.is_folder(folder)) or (not found and folder in tree.files):
            found[path] = await self._info(path)
        return {name: found[name] for name in sorted(found)} if detail else sorted(found)

    async def _url(self, path: str) -> str:
        path = self._strip_protocol(path)
        version, entry = await self._entry(path)
        if isinstance(version, Draft):
            raise ReadOnlyPath(path, reason="a draft is on this machine only, and has no address")
        _, contents, _ = self._reading()
        return str(await self.session.call(contents.address, version, entry, refresh=True))

    async def _entry(self, path: str) -> tuple[Version | Draft, Entry]:
        at = self._parsed(path)
        if at.version is None or at.file_path is None:
            await self._info(path)
            raise IsFolder(path)
        tree, source = await self._files(at)
        entry = tree.files.get(at.file_path)
        if entry is None:
            raise IsFolder(path) if tree.is_folder(at.file_path) else PathNotFound(path)
        if entry.ref is None:
            return source, entry
        _, contents, _ = self._reading()
        resolved: tuple[Version, Entry] = await self.session.call(contents.resolved, _version_of(source), entry)
        return resolved

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_options: Any) -> bytes:
        source, entry = await self._entry(self._strip_protocol(path))
        span = span_of(entry.size_bytes, start, end)
        _, contents, _ = self._reading()
        staged = source.staged(entry.name) if isinstance(source, Draft) else None
        if staged is not None:
            with staged.path.open("rb") as file:
                file.seek(span.start)
                return file.read(span.size_bytes)
        return bytes(await self.session.call(contents.read, _version_of(source), entry, span))

    async def _cat(self, path: Any, recursive: bool = False, **options: Any) -> Any:
        await self._prepare(await self._expand_path(path, recursive=recursive))
        return await super()._cat(path, recursive=recursive, **options)

    async def _cat_ranges(self, paths: list[str], *arguments: Any, **options: Any) -> Any:
        await self._prepare(paths)
        return await super()._cat_ranges(paths, *arguments, **options)

    async def _get(self, rpath: Any, lpath: Any, recursive: bool = False, **options: Any) -> Any:
        await self._prepare(await self._expand_path(rpath, recursive=recursive, maxdepth=options.get("maxdepth")))
        return await super()._get(rpath, lpath, recursive=recursive, **options)

    async def _prepare(self, paths: Sequence[str]) -> None:
        """Ask for the addresses of many files by one request."""
        by_version: dict[str, tuple[Version, list[Entry]]] = {}
        for path in dict.fromkeys(map(self._strip_protocol, paths)):
            try:
                source, entry = await self._entry(path)
            except OSError:
                continue  # whoever asks for it is told then
            if isinstance(source, Version):
                by_version.setdefault(source.id, (source, []))[1].append(entry)
        _, contents, _ = self._reading()
        for version, entries in by_version.values():
            await self.session.call(contents.prepare, version, entries)

    async def _get_file(self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **_options: Any) -> None:
        rpath = self._strip_protocol(rpath)
        if await self._isdir(rpath):
            os.makedirs(lpath, exist_ok=True)
            return
        source, entry = await self._entry(rpath)
        callback.set_size(entry.size_bytes)
        target = Path(os.path.abspath(lpath))
        staged = source.staged(entry.name) if isinstance(source, Draft) else None
        _, contents, _ = self._reading()
        if staged is not None:
            await self.session.call(contents.copy_here, staged.path, target)
            callback.relative_update(entry.size_bytes)
            return
        await self.session.call(contents.bring, _version_of(source), entry, target, note=callback.relative_update)

    def _open(self, path: str, *arguments: Any, **options: Any) -> BlockFile:
        # Files of a transaction go to its draft at once, and that becomes a version when it ends.
        return super()._open(path, *arguments, **{**options, "autocommit": True})

    async def _size_to_read(self, path: str) -> int:
        return (await self._entry(path))[1].size_bytes

    async def _check_may_write(self, path: str) -> None:
        await self._draft_for(path)

    async def _read_existing(self, path: str, spool: BinaryIO) -> None:
        """Begin a spool with what a file has, if there is one, to go on at its end."""
        if await self._exists(path):
            spool.write(await self._cat_file(path))

    # --- writing in drafts -------------------------------------------------------------------------------------------

    async def _draft_for(self, path: str) -> tuple[Draft, str]:
        """The draft that a write to a path goes to, and the name of the file there.

        Raises:
            PermissionError: The path is of a version, and not in a transaction.
        """
        at = self._parsed(path)
        if at.version is None or at.file_path is None:
            raise ReadOnlyPath(path, reason="files are written inside a version: entity/project/type/name/version/file")
        draft = self._draft_at(at)
        if draft is not None:
            return draft, at.file_path
        if not self._intrans:
            raise ReadOnlyPath(path, reason=_SEALED)
        return await self.transaction.draft_for(at), at.file_path

    async def _send_spool(
        self, path: str, spool: BinaryIO, *, is_new: bool = False, note: Callable[[int], object] = int
    ) -> None:
        draft, name = await self._draft_for(path)
        if is_new and name in draft.tree.files:
            raise PathExists(path)
        size_bytes = spool.seek(0, 2)
        spool.seek(0)
        await self.session.call(draft.put, name, spool)
        note(size_bytes)

    async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_options: Any) -> None:
        await self._send_spool(self._strip_protocol(path), BytesIO(value), is_new=mode == "create")

    async def _put_file(
        self, lpath: Any, rpath: str, callback: Any = DEFAULT_CALLBACK, mode: str = "overwrite", **_options: Any
    ) -> None:
        if os.path.isdir(lpath):
            await self._makedirs(rpath, exist_ok=True)
            return
        callback.set_size(os.path.getsize(lpath))
        with open(lpath, "rb") as source:
            await self._send_spool(
                self._strip_protocol(rpath), source, is_new=mode == "create", note=callback.relative_update
            )

    async def _cp_file(self, path1: str, path2: str, **_options: Any) -> None:
        path1, path2 = self._strip_protocol(path1), self._strip_protocol(path2)
        if await self._isdir(path1):
            return  # its files make it
        source, entry = await self._entry(path1)
        draft, name = await self._draft_for(path2)
        if source is draft:
            draft.copy(entry.name, name)
            return
        is_here = isinstance(source, Version) and (
            (source.place.entity, source.place.project) == (draft.at.entity, draft.at.project)
        )
        if isinstance(source, Version) and (entry.ref is not None or is_here):
            birth = entry.birth_id or source.id
            draft.take(name, Entry(name, entry.digest, entry.size_bytes, entry.ref, birth, entry.extra))
            return
        await self._pipe_file(path2, await self._cat_file(path1))

    async def _mv(self, path1: Any, path2: Any, recursive: bool = False, **options: Any) -> None:
        if isinstance(path1, str) and isinstance(path2, str):
            old, new = self._parsed(self._strip_protocol(path1)), self._parsed(self._strip_protocol(path2))
            if old.file_path is None and new.file_path is None and old.name is not None and new.name is not None:
                await self._rename(old, new)
                return
        moved = await self._expand_path(path1, recursive=recursive, maxdepth=options.get("maxdepth"))
        for path in moved:
            await self._draft_for(path)
        await self._copy(path1, path2, recursive=recursive, **options)
        await self._rm(path1, recursive=recursive, maxdepth=options.get("maxdepth"))

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._mv(path1, path2)

    async def _rename(self, old: ArtifactPath, new: ArtifactPath) -> None:
        """Give a collection another name, or have another alias in place of one."""
        place = _place(old)
        same_place = (old.entity, old.project, old.type_name) == (new.entity, new.project, new.type_name)
        _, _, catalog = self._reading()
        if old.version is None and new.version is None and same_place and not old.is_short:
            await self.session.call(catalog.rename, old, str(new.name))
        elif (
            same_place
            and old.name == new.name
            and old.version
            and new.version
            and parse_version(old.version) is None
            and parse_version(new.version) is None
        ):
            version = await self._version(old)
            await self.session.call(catalog.move_alias, version, old.version, new.version)
        else:
            raise ReadOnlyPath(
                self._shown(str(old)),
                reason="collections are renamed within their type, aliases within their collection",
            )
        self._forget_collection(place)

    async def _rm_file(self, path: str, **_options: Any) -> None:
        path = self._strip_protocol(path)
        draft, name = await self._draft_for(path)
        draft.remove(name)

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        force: bool = False,
        force_rm: bool = False,
        **_options: Any,
    ) -> None:
        """Remove files of a draft, or versions; see `rm`."""
        paths = [self._strip_protocol(one) for one in (path if isinstance(path, list) else [path])]
        for one in await self._expand_path(paths) if not recursive else paths:
            at = self._parsed(one)
            if at.version is None:
                raise ReadOnlyPath(one, reason="only versions are deleted by way of a file system")
            if at.file_path is None and self._draft_at(at) is None:
                await self._delete_version(one, at, recursive=recursive, with_aliases=force or force_rm)
                continue
            expanded = await self._expand_path(one, recursive=recursive, maxdepth=maxdepth)
            files = [name for name in expanded if await self._isfile(name)]
            if len(files) < len(expanded) and not recursive:
                raise IsFolder(one, hint="remove it with rm(…, recursive=True)")
            for name in files:
                await self._rm_file(name)

    async def _delete_version(self, path: str, at: ArtifactPath, *, recursive: bool, with_aliases: bool) -> None:
        version = await self._version(at)
        if not recursive:
            raise IsFolder(path, hint="delete the version with rm(…, recursive=True)")
        await self.session.call(self.session.artifacts.delete, version.id, with_aliases=with_aliases)
        self._forget_collection(_place(at))

    # --- folders -----------------------------------------------------------------------------------------------------

    async def _mkdir(self, path: str, create_parents: bool = True, **_options: Any) -> None:
        path = self._strip_protocol(path)
        if await self._exists(path):
            raise PathExists(path)
        await self._draft_for(path)
        if not create_parents and not await self._exists(self._parent(path)):
            raise PathNotFound(self._parent(path))

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        try:
            await self._mkdir(path)
        except FileExistsError:
            if not exist_ok:
                raise
            if await self._isfile(path):
                raise IsFile(path) from None

    async def _rmdir(self, path: str) -> None:
        path = self._strip_protocol(path)
        info = await self._info(path)
        raise IsFile(path) if info["type"] == "file" else FolderNotEmpty(path)

    async def _touch(self, path: str, truncate: bool = True, **_options: Any) -> None:
        content = b"" if truncate or not await self._exists(path) else await self._cat_file(path)
        await self._pipe_file(path, content)

    # --- for callers that wait ---------------------------------------------------------------------------------------

    touch = sync_wrapper(_touch)
    mv = sync_wrapper(_mv)
    mv_file = sync_wrapper(_mv_file)
    rmdir = sync_wrapper(_rmdir)

    def sign(self, path: str, expiration: int = 100, **_options: Any) -> str:
        """An address that gives a file for at least so many s without any other credential."""
        return self.url(path)


def _place(at: ArtifactPath) -> CollectionAddress:
    return CollectionAddress(str(at.entity), str(at.project), str(at.name))


def _version_of(source: Version | Draft) -> Version:
    """The version whose content a file has that was not put into a draft."""
    found = source.base if isinstance(source, Draft) else source
    assert found is not None
    return found
