"""``wandbfs``: the files of runs as a file system.

``entity/project/run id/path``. There are no empty folders: a folder is there as long as a file is below it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.asyn import sync_wrapper  # type: ignore[import-untyped] # it has no types
from fsspec.callbacks import DEFAULT_CALLBACK  # type: ignore[import-untyped]

from kymograph.client.fetching import FetchTarget
from kymograph.client.placing import written_whole
from kymograph.client.run_files import RunFileNode
from kymograph.client.runs import RunAddress
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import (
    AuthError,
    FolderNotEmpty,
    IsFile,
    IsFolder,
    NotFoundError,
    PathExists,
    PathNotFound,
    ReadOnlyPath,
)
from kymograph.fs.base import Info, ProtocolFileSystem, folder_info
from kymograph.fs.files import make_spool, size_of
from kymograph.fs.paths import RunFilePath, join, parts_of
from kymograph.fs.run_transaction import RunFileTransaction
from kymograph.fs.spans import span_of
from kymograph.fs.tree import Tree
from kymograph.types import Digest

ATTEMPTS = 3
"""Addresses expire, and files are replaced: a new address is asked for, but not for ever."""


class RunFileSystem(ProtocolFileSystem):
    """Files of runs; see `ProtocolFileSystem` for the options.

    Args:
        may_delete_runs: Whether ``rm(run, recursive=True)`` deletes a run, and not only its files.
        options: Those of every file system of ours.
    """

    protocol = ("wandbfs",)
    transaction_type = RunFileTransaction

    def __init__(self, *arguments: Any, may_delete_runs: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._may_delete_runs = may_delete_runs

    @classmethod
    def split_path(cls, path: str) -> tuple[str | None, str | None, str | None, str | None]:
        """Entity, project, run id and path inside the run; None for what is missing.

        Raises:
            InvalidName: A component is ``..``.
        """
        found: tuple[Any, Any, Any, Any] = parts_of(RunFilePath.parse(cls._strip_protocol(path)))
        return found

    # --- what is there -----------------------------------------------------------------------------------------------

    async def _list(self, path: str) -> list[Info]:
        at = self._parsed(path)
        if at.run_id is not None:
            return await self._list_folder(path, at)
        known: list[Info] | None = self.dircache.get(path)
        if known is not None:
            return list(known)
        session = self.session
        if at.entity is None:
            infos = [folder_info(name) for name in await session.call(session.run_files.entities)]
        elif at.project is None:
            projects = await session.call(session.run_files.projects, at.entity)
            infos = [folder_info(join(path, one.name), created=one.created_at) for one in projects]
        else:
            runs = await session.call(session.run_files.runs, at.entity, at.project)
            infos = [
                folder_info(
                    join(path, one.id),
                    display_name=one.display_name,
                    state=one.state,
                    created=one.created_at,
                    mtime=one.heartbeat_at,
                )
                for one in runs
            ]
        infos.sort(key=lambda info: str(info["name"]))
        self.dircache[path] = infos
        return list(infos)

    async def _list_folder(self, path: str, at: RunFilePath) -> list[Info]:
        folder = at.file_path or ""
        tree = self._known_tree(path, at)
        if tree is None:
            shallow = self.dircache.get(path)
            if isinstance(shallow, list):
                return list(shallow)
            session = self.session
            tree = await session.call(self._fetch_unless_huge, at)
            if tree is None:
                page = await session.call(session.run_files.folder, _address(at), f"{folder}/" if folder else "")
                run = self._shown(at.run_path)
                infos = [self._file_info(run, file) for file in page.files]
                infos += [folder_info(join(run, name)) for name in page.folders]
                self.dircache[path] = infos
                return list(infos)
            self._keep_tree(path, at, tree)
        if tree.is_folder(folder) and (not folder or next(tree.below(folder), None)):
            run = self._shown(at.run_path)
            return [
                folder_info(join(run, name)) if file is None else self._file_info(run, file)
                for name, file in tree.children(folder)
            ]
        return [self._file_info(self._shown(at.run_path), await self._node(path))]

    def _fetch_unless_huge(self, at: RunFilePath) -> Tree[RunFileNode] | None:
        """All files below a folder; None if they are many and the server can tell what is right in it."""
        files: dict[str, RunFileNode] = {}
        client = self.session.run_files
        prefix = f"{at.file_path}/" if at.file_path else ""
        for page, has_more in client.iter_pages(_address(at), prefix):
            files |= {file.name: file for file in page}
            if has_more and client.knows_folders:
                return None
        return Tree(files)

    def _keep_tree(self, path: str, at: RunFilePath, tree: Tree[RunFileNode]) -> None:
        # What has nothing below it may be a file, of which the tree says nothing.
        if tree.files or at.file_path is None:
            self.dircache[path] = tree

    def _known_tree(self, path: str, at: RunFilePath) -> Tree[RunFileNode] | None:
        """All files below some folder that a path is in, if they have been listed."""
        run = self._shown(at.run_path)
        while True:
            known = self.dircache.get(path)
            if isinstance(known, Tree):
                return known
            if len(path) <= len(run):
                return None
            path = self._parent(path)

    async def _info(self, path: str, **_options: Any) -> Info:
        path = self._strip_protocol(path)
        at = self._parsed(path)
        if at.file_path is not None:
            return await self._info_of_file(path, at)
        if at.entity is None:
            return folder_info("")
        listed = self.dircache.get(self._parent(path))
        for info in listed if isinstance(listed, list) else ():
            if info["name"] == path:
                return dict(info)
        session = self.session
        if at.project is None:
            await self._list(path)
            return folder_info(path)
        if at.run_id is None:
            project = await session.call(session.run_files.project, at.entity, at.project)
            return folder_info(path, created=project.created_at)
        run = await session.call(session.run_files.run, _address(at))
        return folder_info(
            path, display_name=run.display_name, state=run.state, created=run.created_at, mtime=run.heartbeat_at
        )

    async def _info_of_file(self, path: str, at: RunFilePath) -> Info:
        assert at.file_path is not None
        run = self._shown(at.run_path)
        known = self.dircache.get(path)
        if isinstance(known, RunFileNode):
            return self._file_info(run, known)
        tree = self._known_tree(path, at)
        if tree is not None:
            if at.file_path in tree.files:
                return self._file_info(run, tree.files[at.file_path])
            if tree.is_folder(at.file_path):
                return folder_info(path)
            raise PathNotFound(path)
        listed = self.dircache.get(self._parent(path))
        if isinstance(listed, list):
            found = next((info for info in listed if info["name"] == path), None)
            if found is None:
                raise PathNotFound(path)
            return dict(found)
        session = self.session
        file, is_folder = await session.call(session.run_files.look, _address(at), at.file_path)
        if file is not None:
            self.dircache[path] = file
            return self._file_info(run, file)
        if is_folder:
            return folder_info(path)
        raise PathNotFound(path)

    def _file_info(self, run: str, file: RunFileNode) -> Info:
        return {
            "name": join(run, file.name),
            "size": file.size_bytes,
            "type": "file",
            # Servers keep the moment of the last upload only.
            "created": file.updated_at,
            "mtime": file.updated_at,
            "md5": file.md5,
            "mimetype": file.mimetype,
        }

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        prefix: str = "",
        **options: Any,
    ) -> Any:
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        at = self._parsed(path)
        if at.run_id is None:
            return await super()._find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **options)
        folder = at.file_path or ""
        tree = self._known_tree(path, at)
        if tree is None:
            start = f"{folder}/{prefix}" if folder else prefix
            try:
                tree = Tree(await self.session.call(self._fetch_all, at, start))
            except FileNotFoundError:
                return {} if detail else []  # what is below nothing is nothing: so do all file systems answer
            if not prefix:
                self._keep_tree(path, at, tree)
        run = self._shown(at.run_path)
        found = {join(run, name): self._file_info(run, file) for name, file in tree.below(folder)}
        if withdirs:
            found |= {join(run, name): folder_info(join(run, name)) for name in tree.folders_below(folder)}
        base = path.count("/")
        if maxdepth is not None:
            found = {name: info for name, info in found.items() if name.count("/") - base <= maxdepth}
        if (withdirs and (found or await self._isdir(path))) or (not found and await self._isfile(path)):
            found[path] = await self._info(path)
        return {name: found[name] for name in sorted(found)} if detail else sorted(found)

    def _fetch_all(self, at: RunFilePath, prefix: str) -> dict[str, RunFileNode]:
        pages = self.session.run_files.iter_pages(_address(at), prefix)
        return {file.name: file for page, _ in pages for file in page}

    async def _node(self, path: str, *, refresh: bool = False) -> RunFileNode:
        """A file with its address.

        Raises:
            FileNotFoundError: There is no such file.
            IsADirectoryError: It is a folder.
        """
        at = self._parsed(path)
        if at.file_path is None:
            raise IsFolder(path)
        if not refresh:
            tree = self._known_tree(path, at)
            known = self.dircache.get(path) if tree is None else tree.files.get(at.file_path)
            if isinstance(known, RunFileNode) and known.url:
                return known
        else:
            self.invalidate_cache(path)
        session = self.session
        file, is_folder = await session.call(session.run_files.look, _address(at), at.file_path)
        if file is None:
            raise IsFolder(path) if is_folder else PathNotFound(path)
        self.dircache[path] = file
        return file

    async def _url(self, path: str) -> str:
        return (await self._node(self._strip_protocol(path), refresh=True)).url

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_options: Any) -> bytes:
        path = self._strip_protocol(path)
        node = await self._node(path)
        session = self.session
        for attempt in range(ATTEMPTS):
            span = span_of(node.size_bytes, start, end)
            if span.size_bytes == 0:
                return b""
            is_whole = span.size_bytes == node.size_bytes
            try:
                content = await session.call(session.read, node.url, None if is_whole else span)
            except (AuthError, NotFoundError):
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                if len(content) == span.size_bytes:
                    return content
            node = await self._node(path, refresh=True)
        raise PathNotFound(path, problem=f"{path!r} is replaced faster than it can be read; try again")

    async def _get_file(self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **_options: Any) -> None:
        rpath = self._strip_protocol(rpath)
        if await self._isdir(rpath):
            os.makedirs(lpath, exist_ok=True)
            return
        node = await self._node(rpath)
        callback.set_size(node.size_bytes)
        target = Path(os.path.abspath(lpath))
        target.parent.mkdir(parents=True, exist_ok=True)
        if node.md5 is None:
            with written_whole(target) as file:
                await self._write_blocks(rpath, node.size_bytes, file, callback.relative_update)
            return
        session = self.session
        wanted = FetchTarget(target, Digest(node.md5), DigestAlgorithm.MD5, node.size_bytes)
        await session.call(
            session.fetcher.fetch,
            wanted,
            node.url,
            renew=partial(self._renewed_url, rpath),
            note=callback.relative_update,
        )

    async def _write_blocks(
        self, path: str, size_bytes: int, file: BinaryIO, note: Callable[[int], object] = int
    ) -> None:
        for start in range(0, size_bytes, self.blocksize):
            block = await self._cat_file(path, start, start + self.blocksize)
            file.write(block)
            note(len(block))

    def _renewed_url(self, path: str) -> str:
        """Runs in a thread."""
        at = self._parsed(path)
        assert at.file_path is not None
        file, _ = self.session.run_files.look(_address(at), at.file_path)
        if file is None:
            raise PathNotFound(path)
        return file.url

    async def _read_existing(self, path: str, spool: BinaryIO) -> None:
        """Begin a spool with what a file has, if there is one, to go on at its end."""
        try:
            info = await self._info(path)
        except FileNotFoundError:
            return
        if info["type"] == "directory":
            raise IsFolder(path)
        await self._write_blocks(path, info["size"], spool)

    async def _size_to_read(self, path: str) -> int:
        return (await self._node(path)).size_bytes

    # --- writing -----------------------------------------------------------------------------------------------------

    async def _check_may_write(self, path: str) -> None:
        self._check_writable(path)

    def _check_writable(self, path: str) -> RunFilePath:
        at = self._parsed(path)
        if at.file_path is None:
            raise ReadOnlyPath(path, reason="files are written inside a run: entity/project/run/name")
        return at

    async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_options: Any) -> None:
        spool = make_spool()
        spool.write(value)
        await self._send_or_defer(self._strip_protocol(path), spool, is_new=mode == "create")

    async def _put_file(
        self, lpath: Any, rpath: str, callback: Any = DEFAULT_CALLBACK, mode: str = "overwrite", **_options: Any
    ) -> None:
        rpath = self._strip_protocol(rpath)
        if os.path.isdir(lpath):
            await self._makedirs(rpath, exist_ok=True)
            return
        callback.set_size(os.path.getsize(lpath))
        source = open(lpath, "rb")  # noqa: SIM115 - closed once it was sent
        await self._send_or_defer(rpath, source, is_new=mode == "create", note=callback.relative_update)

    async def _send_or_defer(
        self, path: str, spool: BinaryIO, *, is_new: bool, note: Callable[[int], object] = int
    ) -> None:
        """Send a file, or keep it until the transaction ends; it is closed in the end."""
        if self._intrans:
            self._check_writable(path)
            self.transaction.defer(path, spool, is_new=is_new)
            return
        try:
            await self._send_spool(path, spool, is_new=is_new, note=note)
        finally:
            spool.close()

    async def _send_spool(
        self, path: str, spool: BinaryIO, *, is_new: bool = False, note: Callable[[int], object] = int
    ) -> None:
        """Bring an open file to a path; it is there when this returns.

        Raises:
            FileExistsError: `is_new`, and there is one.
            FileNotFoundError: There is no such run.
            OSError: It could not be sent.
        """
        at = self._check_writable(path)
        assert at.file_path is not None
        # Servers that do not know the condition answer as if it was not there.
        if is_new and await self._exists(path):
            raise PathExists(path)
        session = self.session
        size_bytes = size_of(spool)
        try:
            await session.call(session.send, _address(at), at.file_path, spool, size_bytes, is_new=is_new, note=note)
        except FileExistsError as exc:
            raise PathExists(path) from exc
        self.invalidate_cache(path)

    async def _touch(self, path: str, truncate: bool = True, **_options: Any) -> None:
        content = b""
        if not truncate and await self._exists(path):
            spool = make_spool()
            await self._read_existing(self._strip_protocol(path), spool)
            spool.seek(0)
            content = spool.read()
            spool.close()
        await self._pipe_file(path, content)

    # --- copies and moves --------------------------------------------------------------------------------------------

    async def _cp_file(
        self, path1: str, path2: str, pairs: list[tuple[str, str]] | None = None, **_options: Any
    ) -> None:
        path1, path2 = self._strip_protocol(path1), self._strip_protocol(path2)
        if await self._isdir(path1):
            return  # its files make it
        if pairs is not None:
            pairs.append((path1, path2))
        else:
            await self._relocate([(path1, path2)], is_move=False)

    async def _copy(self, path1: Any, path2: Any, recursive: bool = False, **options: Any) -> None:
        pairs: list[tuple[str, str]] = []
        await super()._copy(path1, path2, recursive=recursive, pairs=pairs, **options)
        await self._relocate(pairs, is_move=False)

    async def _mv(self, path1: Any, path2: Any, recursive: bool = False, **options: Any) -> None:
        pairs: list[tuple[str, str]] = []
        await super()._copy(path1, path2, recursive=recursive, pairs=pairs, **options)
        await self._relocate([(source, target) for source, target in pairs if source != target], is_move=True)

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._relocate([(self._strip_protocol(path1), self._strip_protocol(path2))], is_move=True)

    async def _relocate(self, pairs: Sequence[tuple[str, str]], *, is_move: bool) -> None:
        """Copy or move files: at the server if that can, else by way of this machine."""
        if not pairs:
            return
        targets = [self._check_writable(target) for _, target in pairs]
        sources = [self._parsed(source) for source, _ in pairs]
        session = self.session
        if await session.call(lambda: session.run_files.knows_folders):
            for run in dict.fromkeys(target.run_path for target in targets):
                chosen = [n for n, target in enumerate(targets) if target.run_path == run]
                await session.call(
                    session.run_files.copy,
                    [(_address(sources[n]), str(sources[n].file_path)) for n in chosen],
                    _address(targets[chosen[0]]),
                    [str(targets[n].file_path) for n in chosen],
                    is_move=is_move,
                )
        else:
            for source, target in pairs:
                await self._carry(source, target)
            if is_move:
                await self._delete_files([source for source, _ in pairs])
        for source, target in pairs:
            self.invalidate_cache(source)
            self.invalidate_cache(target)

    async def _carry(self, source: str, target: str) -> None:
        node = await self._node(source)
        spool = make_spool()
        try:
            await self._write_blocks(source, node.size_bytes, spool)
            await self._send_spool(target, spool)
        finally:
            spool.close()

    # --- removal -----------------------------------------------------------------------------------------------------

    async def _rm_file(self, path: str, **_options: Any) -> None:
        await self._delete_files([self._strip_protocol(path)])

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **_options: Any,
    ) -> None:
        paths = [self._strip_protocol(one) for one in (path if isinstance(path, list) else [path])]
        for one in paths:
            at = self._parsed(one)
            if at.run_id is None:
                raise ReadOnlyPath(one, reason="entities and projects are not deleted by way of a file system")
            if at.file_path is None and recursive and maxdepth is None and self._may_delete_runs:
                session = self.session
                await session.call(session.run_files.delete_run, _address(at))
                self.invalidate_cache(one)
                return
        expanded = await self._expand_path(paths, recursive=recursive, maxdepth=maxdepth)
        files = []
        for one in expanded:
            if (await self._info(one))["type"] == "file":
                files.append(one)
            elif not recursive:
                raise IsFolder(one, hint="remove it with rm(…, recursive=True)")
        await self._delete_files(files)

    async def _delete_files(self, paths: Sequence[str]) -> None:
        session = self.session
        by_run: dict[RunAddress, list[str]] = {}
        for path in paths:
            at = self._check_writable(path)
            by_run.setdefault(_address(at), []).append(str(at.file_path))
        for address, names in by_run.items():
            found = await session.call(session.run_files.named, address, names)
            for name in names:
                if name not in found:
                    raise PathNotFound(join(self._shown(address.path), name))
            await session.call(session.run_files.delete, [file.storage_id for file in found.values()])
        for path in paths:
            self.invalidate_cache(path)

    # --- folders -----------------------------------------------------------------------------------------------------

    async def _mkdir(self, path: str, create_parents: bool = True, **_options: Any) -> None:
        path = self._strip_protocol(path)
        at = self._parsed(path)
        if await self._exists(path):
            raise PathExists(path)
        if at.file_path is None:
            raise ReadOnlyPath(path, reason="projects and runs are not made by way of a file system; use init()")
        await self._info(self._shown(at.run_path))
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
        if info["type"] == "file":
            raise IsFile(path)
        raise FolderNotEmpty(path)

    # --- for callers that wait ---------------------------------------------------------------------------------------

    touch = sync_wrapper(_touch)
    mv = sync_wrapper(_mv)
    mv_file = sync_wrapper(_mv_file)
    rmdir = sync_wrapper(_rmdir)

    def sign(self, path: str, expiration: int = 100, **_options: Any) -> str:
        """An address that gives a file for at least so many s without any other credential."""
        return self.url(path)

    def _parsed(self, path: str) -> RunFilePath:
        return RunFilePath.parse(self._whole(path))


def _address(at: RunFilePath) -> RunAddress:
    return RunAddress(str(at.entity), str(at.project), str(at.run_id))
