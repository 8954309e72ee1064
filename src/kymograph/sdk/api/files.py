"""Files of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from kymograph.client import bulk_reads
from kymograph.client import public_documents as documents
from kymograph.client.artifact_values import Page, whole
from kymograph.client.fields import text_of
from kymograph.client.files import md5_of, md5_of_rest, replacing
from kymograph.client.operations import Fetch, Operation, ask, together
from kymograph.client.runs import RunAddress
from kymograph.core.names import parse_file_path
from kymograph.errors import DigestMismatch, RunFileNotFound, UsageError
from kymograph.sdk.api.attributes import Described
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject

PER_PAGE = 50
PER_PAGE_AT_ONCE = 5_000
"""Where all files are wanted."""
NO_DIGEST = (None, "", "0")
"""Of files that were announced, or only asked for, and never sent."""

StrPath = str | os.PathLike[str]


class File(Described[M]):
    """A file of a run."""

    name: str
    url: str
    mimetype: str | None
    md5: str | None
    """Base64."""

    def __init__(self, session: ApiSession[M], node: JsonObject, at: RunAddress, *, project_number: int | None) -> None:
        """Describe what a server has told.

        Args:
            session: With the server.
            node: Its document.
            at: The run.
            project_number: Of the run's project, if it is known.
        """
        super().__init__(session, node)
        self.at, self._project_number = at, project_number

    @property
    def size(self) -> int:
        """In bytes; 0 if there is no such file."""
        return whole(self._node.get("sizeBytes")) or 0

    @property
    def exists(self) -> bool:
        """Whether the run has it: a file that is asked for by name is described even if not."""
        return self._node.get("md5") not in NO_DIGEST

    @property
    def path_uri(self) -> str:
        """Where the bytes are: ``s3://bucket/key`` in a store of that kind, else their address."""
        direct = text_of(self._node, "directUrl") or ""
        if direct == self._node.get("url"):
            return direct
        return _object_uri(direct) or direct

    @either
    def download(
        self, root: StrPath = ".", replace: bool = False, exist_ok: bool = False, api: Any = None
    ) -> Operation[IO[str]]:
        """Fetch the file, whole or not at all, and check that it is what the server has.

        Args:
            root: The folder where it goes, under its name.
            replace: Whether it takes the place of a file that is there.
            exist_ok: Whether a file that is there is left as it is.
            api: Does nothing; accepted for old scripts.

        Returns:
            The file, open for reading text.

        Raises:
            UsageError: There is a file, and neither `replace` nor `exist_ok` says what to do about it.
            RunFileNotFound: The run has no such file.
            DigestMismatch: Other bytes came than the server says it has.
        """
        path = yield from self._put_into(Path(root), replace=replace, exist_ok=exist_ok)
        return path.open(encoding="utf-8", errors="surrogateescape")

    def _put_into(self, root: Path, *, replace: bool, exist_ok: bool) -> Operation[Path]:
        path = self.path_in(root)
        if not self._is_wanted(path, replace=replace, exist_ok=exist_ok):
            return path
        if not self.exists:
            raise RunFileNotFound(self.name, within=self.at.path)
        with replacing(path) as sink:
            yield Fetch(text_of(self._node, "directUrl") or self.url, sink)
            sink.seek(0)
            self.check(md5_of_rest(sink))
        return path

    def path_in(self, root: Path) -> Path:
        """Where the file goes in a folder.

        Raises:
            InvalidName: Its name leads out of it.
        """
        return root / parse_file_path(self.name)

    def check(self, digest: str) -> None:
        """See whether content of a digest is what the server has.

        Raises:
            DigestMismatch: It is not.
        """
        md5 = self._node.get("md5")
        if md5 not in NO_DIGEST and digest != md5:
            raise DigestMismatch(self.name, expected=str(md5), actual=digest)

    def _is_wanted(self, path: Path, *, replace: bool, exist_ok: bool) -> bool:
        if replace or not path.exists():
            return not (path.is_file() and md5_of(path) == self._node.get("md5"))
        if exist_ok:
            return False
        raise UsageError(f"File already exists, pass replace=True to overwrite or exist_ok=True to leave it: {path}")

    @either
    def delete(self) -> Operation[None]:
        """Take the file from the run."""
        yield from ask(documents.DELETE_FILES, {"files": [self._node.get("id")], "projectId": self._project_number})

    def __repr__(self) -> str:
        return f"<File {self.name} ({self._node.get('mimetype')}) {self.size} bytes>"


class Files(Listing[M, File[M]]):
    """Files of a run, by name."""

    def __init__(
        self,
        session: ApiSession[M],
        at: RunAddress,
        names: Sequence[str] = (),
        *,
        pattern: str | None = None,
        per_page: int = PER_PAGE,
        project_number: int | None = None,
    ) -> None:
        """Begin before the first one.

        Args:
            session: With the server.
            at: The run.
            names: Only these.
            pattern: Only those whose names match, as SQL's LIKE does it.
            per_page: Files of one request.
            project_number: Of the run's project, if it is known.

        Raises:
            UsageError: Both `names` and `pattern` are given.
        """
        if names and pattern:
            raise UsageError("files() takes names or a pattern, and not both of them")
        self.at, self.per_page = at, per_page

        def read(cursor: str | None) -> Operation[Page[File[M]]]:
            page = yield from session.reads.files(
                at, names=names, pattern=pattern, cursor=cursor, per_page=self.per_page
            )
            items = [File(session, node, at, project_number=project_number) for node in page.items]
            return Page(items, page.cursor, len(items) if names else page.total)

        super().__init__(session, read)

    @either
    def download(
        self,
        root: StrPath = ".",
        replace: bool = False,
        exist_ok: bool = False,
        at_once: int = 8,
        note: Callable[[File[M]], object] = lambda _file: None,
    ) -> Operation[list[Path]]:
        """Fetch all of the files; our own server gives the small ones many at a time.

        Args:
            root: The folder where they go, under their names.
            replace: Whether they take the places of files that are there.
            exist_ok: Whether files that are there are left as they are.
            at_once: Requests that are under way at the same time.
            note: Told each file that is there then.

        Returns:
            Where they are, in the order of the files.

        Raises:
            UsageError: There is a file, and neither `replace` nor `exist_ok` says what to do about it.
            DigestMismatch: Other bytes came than the server says it has. Files that came before are there, and stay.
        """
        self.per_page = max(self.per_page, PER_PAGE_AT_ONCE)
        yield from self._reach(None)
        folder = Path(root)
        files = [file for file in self.objects if file.exists]
        paths = [file.path_in(folder) for file in files]
        wanted = [
            file
            for file, path in zip(files, paths, strict=True)
            if file._is_wanted(path, replace=replace, exist_ok=exist_ok)
        ]
        if (yield from self._session.offers(bulk_reads.FEATURE)):
            small = {file.name: file for file in wanted if file.size <= bulk_reads.SMALL_BYTES}
            came: list[str] = []

            def put(name: str, content: bytes) -> None:
                file = small[name]
                with replacing(file.path_in(folder)) as sink:
                    sink.write(content)
                    sink.seek(0)
                    file.check(md5_of_rest(sink))
                came.append(name)
                note(file)

            yield from bulk_reads.file_contents(self.at, list(small), put)
            there = set(came)
            wanted = [file for file in wanted if file.name not in there]
        yield from together([_noted(file, folder, note) for file in wanted], at_once=at_once)
        return paths

    def __repr__(self) -> str:
        return f"<Files {self.at.path}>"


def _noted(file: File[M], folder: Path, note: Callable[[File[M]], object]) -> Operation[Path]:
    path = yield from file._put_into(folder, replace=True, exist_ok=True)
    note(file)
    return path


def _object_uri(url: str) -> str | None:
    """The ``s3://`` form of an address in a store that speaks S3's dialect; None for others."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    labels = host.split(".")
    if not host.endswith("amazonaws.com"):
        return None
    if labels[0].startswith("s3"):
        return f"s3://{path}"
    return f"s3://{host[: host.index('.s3')]}/{path}" if ".s3" in host else None
