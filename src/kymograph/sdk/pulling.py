"""Files of a run on a server, in a folder of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.files import md5_of, md5_of_rest, replacing
from kymograph.client.run_reads import RemoteFile, RunReads
from kymograph.core.names import parse_file_path
from kymograph.errors import DigestMismatch


@dataclass(frozen=True, slots=True)
class Pulled:
    """A file that is there now."""

    path: Path
    size_bytes: int
    was_there: bool
    """Whether it was the same already, so that nothing had to come."""


def pull_file(reads: RunReads, file: RemoteFile, folder: Path) -> Pulled:
    """Put a file where it belongs in a folder, whole or not at all, and check that it is what the server has.

    Raises:
        InvalidName: Its name leads out of the folder.
        DigestMismatch: Other bytes came than the server says it has.
        KymographError: The server does not give it.
        OSError: It cannot be written.
    """
    path = folder / parse_file_path(file.name)
    if file.md5 is not None and path.is_file() and md5_of(path) == file.md5:
        return Pulled(path, path.stat().st_size, was_there=True)
    with replacing(path) as sink:
        reads.download(file, sink)
        sink.seek(0)
        digest = md5_of_rest(sink)
        if file.md5 is not None and digest != file.md5:
            raise DigestMismatch(file.name, expected=file.md5, actual=digest)
    return Pulled(path, path.stat().st_size, was_there=False)


def pull_files(
    reads: RunReads,
    files: Iterable[RemoteFile],
    folder: Path,
    *,
    note: Callable[[RemoteFile, Pulled], object] = lambda _file, _pulled: None,
) -> list[Pulled]:
    """Put files into a folder, one after the other; `note` is told each.

    Raises:
        KymographError: One of them does not come; those before are there, and stay.
    """
    done = []
    for file in files:
        done.append(pull_file(reads, file, folder))
        note(file, done[-1])
    return done
