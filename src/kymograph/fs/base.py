"""What both file systems share: options, paths, credentials that stay where they are, and forms that fsspec asks for.

Source: seeds.md A.6–A.8.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from fsspec.asyn import AsyncFileSystem, get_loop, sync  # type: ignore[import-untyped] # it has no types
from fsspec.utils import stringify_path  # type: ignore[import-untyped]

from kymograph.errors import InvalidSetting, PathExists
from kymograph.fs.files import AwaitedFile, BlockFile, CompressedFile
from kymograph.fs.paths import join, parent_of, strip_protocol
from kymograph.fs.session import DEFAULT_CONCURRENCY, Session, SessionHolder, Way

Info: TypeAlias = dict[str, Any]
"""What is known of a path: ``name``, ``size`` in bytes, ``type`` (``file`` or ``directory``), and more."""

LISTINGS_EXPIRY_S = 5.0
"""How long what may change is not asked for again: long enough for one pass over a tree, short enough for an eye."""
BLOCK_BYTES = 8 << 20
SECRETS = ("api_key",)
"""Options that leave a process only when they are asked for by name."""


class ProtocolFileSystem(AsyncFileSystem):  # type: ignore[misc] # fsspec has no types
    """A file system over what a server of the protocol keeps.

    Paths are full at every level, so that what a listing gives can be fed back. Safe to share between threads and after
    a fork.

    Args:
        api_key: Of the user. By default the one that is set or logged in.
        base_url: Of the server. By default the one that is set.
        entity: Paths begin below this entity instead of naming one.
        project: Paths begin below this project of `entity`.
        timeout: How long the server may be silent, in s.
        max_concurrency: Requests under way at once.
        block_size: What a file that is open reads at once, in bytes.
        cache_dir: Where contents of artifacts are kept. By default where downloads keep them.
        listings_expiry_time: How long a listing holds, in s.
        options: The standard ones of fsspec.
    """

    protocol: ClassVar[tuple[str, ...]]
    root_marker = ""
    cachable = True
    _pid: int

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        entity: str | None = None,
        project: str | None = None,
        timeout: float | None = None,
        max_concurrency: int | None = None,
        block_size: int | None = None,
        cache_dir: str | None = None,
        listings_expiry_time: float | None = LISTINGS_EXPIRY_S,
        **options: Any,
    ) -> None:
        super().__init__(listings_expiry_time=listings_expiry_time, **options)
        if project is not None and entity is None:
            raise InvalidSetting("project", project, rule="give its entity, too: entity=…")
        self.blocksize = block_size or BLOCK_BYTES
        self._root = join(entity, project)
        self._way = Way(
            base_url=base_url,
            api_key=api_key,
            timeout_s=timeout,
            max_concurrency=max_concurrency or DEFAULT_CONCURRENCY,
            cache_dir=None if cache_dir is None else os.path.abspath(os.path.expanduser(cache_dir)),
        )
        self._sessions = SessionHolder(self._way)

    # --- processes and threads ---------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The clients of this process.

        Raises:
            Unauthenticated: There is no key.
        """
        return self._sessions.get()

    @property
    def loop(self) -> Any:
        """The event loop that calls which do not await are carried out in."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._loop = None if self.asynchronous else get_loop()
            self.dircache.clear()
        return self._loop

    def __reduce__(self) -> Any:
        # The key stays here: where this arrives, the one that is set there holds. In the same process it is the same
        # file system, with its key.
        return _revive, (type(self), self._fs_token_, self.storage_args[1:], self._shown_options())

    def _shown_options(self) -> dict[str, Any]:
        return {name: value for name, value in self.storage_options.items() if name not in SECRETS}

    def __dask_tokenize__(self) -> Any:
        return type(self).__qualname__, sorted(self._shown_options().items(), key=repr)

    def to_json(self, *, include_password: bool = False) -> str:
        """This file system as text; the key only if it is asked for."""
        import json

        return json.dumps(self.to_dict(include_password=include_password))

    def to_dict(self, *, include_password: bool = False) -> dict[str, Any]:
        """This file system as plain values; the key only if it is asked for."""
        found: dict[str, Any] = super().to_dict(include_password=include_password)
        if include_password:
            return found
        return {name: [] if name == "args" else value for name, value in found.items() if name not in SECRETS}

    # --- paths -------------------------------------------------------------------------------------------------------

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        return strip_protocol(stringify_path(path), cls.protocol)

    @classmethod
    def _parent(cls, path: str) -> str:
        return parent_of(cls._strip_protocol(path))

    def unstrip_protocol(self, name: str) -> str:
        """A path with its protocol."""
        return f"{self.protocol[0]}://{self._strip_protocol(name)}"

    def _whole(self, path: str) -> str:
        """A path as the server means it."""
        return join(self._root, self._strip_protocol(path))

    def _shown(self, path: str) -> str:
        """A path of the server as this file system names it."""
        return path[len(self._root) :].lstrip("/") if self._root else path

    # --- information -------------------------------------------------------------------------------------------------

    async def _created(self, path: str) -> datetime | None:
        found: datetime | None = (await self._info(path)).get("created")
        return found

    async def _modified(self, path: str) -> datetime | None:
        found: datetime | None = (await self._info(path)).get("mtime")
        return found

    def created(self, path: str) -> datetime | None:
        """When something was made, in UTC; None if the server does not tell."""
        found: datetime | None = sync(self.loop, self._created, path)
        return found

    def modified(self, path: str) -> datetime | None:
        """When something last changed, in UTC; None if the server does not tell."""
        found: datetime | None = sync(self.loop, self._modified, path)
        return found

    async def _url(self, path: str) -> str:
        raise NotImplementedError

    def url(self, path: str) -> str:
        """An address that gives a file for some time without any other credential."""
        return str(sync(self.loop, self._url, path))

    def ukey(self, path: str) -> str:
        """A text that is another one when the content is."""
        return str(sync(self.loop, self._ukey, path))

    async def _ukey(self, path: str) -> str:
        from fsspec.utils import tokenize

        info = await self._info(path)
        return str(info.get("digest") or info.get("md5") or tokenize(info["name"], info["size"], info.get("mtime")))

    def checksum(self, path: str) -> int:
        """A number that is another one when the content is."""
        from hashlib import md5

        return int(md5(self.ukey(path).encode(), usedforsecurity=False).hexdigest(), 16)

    # --- opening -----------------------------------------------------------------------------------------------------

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> Any:
        """A file; see `fsspec.AbstractFileSystem.open`."""
        if compression is None or "b" not in mode or "r" in mode:
            return super().open(path, mode, block_size, cache_options, compression, **options)
        from fsspec.compression import compr  # type: ignore[import-untyped]
        from fsspec.core import get_compression  # type: ignore[import-untyped]

        inner = super().open(path, mode, block_size, cache_options, None, **options)
        kind = get_compression(path, compression)
        return inner if kind is None else CompressedFile(compr[kind](inner, mode=mode[0]), inner)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> BlockFile:
        if mode == "rb":
            options.setdefault("size", sync(self.loop, self._size_to_read, path))
        else:
            sync(self.loop, self._check_may_write, path)
            if "x" in mode and self.exists(path):
                raise PathExists(path)
        return BlockFile(
            self,
            path,
            mode,
            block_size=block_size or self.blocksize,
            autocommit=autocommit,
            cache_options=cache_options,
            **options,
        )

    async def open_async(self, path: str, mode: str = "rb", **options: Any) -> AwaitedFile:
        """A file to read or write by code that awaits."""
        path = self._strip_protocol(path)
        if mode not in ("rb", "wb", "ab"):
            raise ValueError(f"mode {mode!r} cannot be awaited; use rb, wb or ab")
        size = None
        if mode == "rb":
            size = await self._size_to_read(path)
        else:
            await self._check_may_write(path)
        return AwaitedFile(self, path, mode, size=size, **options)

    async def _size_to_read(self, path: str) -> int:
        """Bytes of a file.

        Raises:
            FileNotFoundError: There is none.
            IsADirectoryError: It is a folder.
        """
        raise NotImplementedError

    async def _check_may_write(self, path: str) -> None:
        """See whether files can be written at a path.

        Raises:
            PermissionError: They cannot.
        """
        raise NotImplementedError

    # --- listings ----------------------------------------------------------------------------------------------------

    async def _ls(self, path: str, detail: bool = True, refresh: bool = False, **_options: Any) -> Any:
        if refresh:
            self.invalidate_cache(path)
        found = await self._list(self._strip_protocol(path))
        return found if detail else sorted(info["name"] for info in found)

    async def _cat(self, path: Any, recursive: bool = False, **options: Any) -> Any:
        if recursive:
            # Folders have no content, and what is below them is among the others.
            found = await self._expand_path(path, recursive=True)
            path = [one for one in found if await self._isfile(one)]
        return await super()._cat(path, **options)

    async def _list(self, path: str) -> list[Info]:
        """What is in a folder; of a file, itself.

        Raises:
            FileNotFoundError: There is neither.
        """
        raise NotImplementedError

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget listings: all, or those that tell of a path."""
        if path is None:
            self.dircache.clear()
        else:
            whole = self._strip_protocol(path)
            for known in [*self.dircache]:
                if known in ("", whole) or known.startswith(f"{whole}/") or whole.startswith(f"{known}/"):
                    self.dircache.pop(known, None)
        super().invalidate_cache(path)


def _revive(kind: type[ProtocolFileSystem], token: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A file system that was pickled: the same one where it still is, else one like it."""
    known = kind._cache.get(token)
    if known is not None:
        return known
    return kind(None, *arguments, **options) if arguments else kind(**options)


def folder_info(name: str, **more: Any) -> Info:
    """What is known of a folder."""
    return {"name": name, "size": 0, "type": "directory", **more}
