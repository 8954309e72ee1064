"""The folder of one run: what lies where. A folder is whole in itself and may be copied to another machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kymograph.errors import JournalCorrupt
from kymograph.wire.journal import Damage, JournalReader
from kymograph.wire.records_pb2 import Record

JOURNAL_SUFFIX = ".wandb"
SYNCED_SUFFIX = ".synced"
WRITER_PREFIX = "writer-"
WRITER_SUFFIX = ".journal"
"""Of further journals: other clients take one file of a folder that ends in `JOURNAL_SUFFIX`, whichever they find."""
READ_BYTES = 1 << 20
LOOK_TIMEOUT_S = 30.0
"""How long the surroundings of a training are looked at once it has ended; drivers may hang."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run's folder."""

    path: Path
    run_id: str

    @classmethod
    def find(cls, path: Path) -> RunFolder:
        """The folder that `path` means: itself, or the journal in it.

        Raises:
            JournalCorrupt: There is no journal.
        """
        if path.is_file() and path.suffix == JOURNAL_SUFFIX:
            found = [path]
        else:
            found = sorted(path.glob(f"run-*{JOURNAL_SUFFIX}")) if path.is_dir() else []
        if not found:
            raise JournalCorrupt(f"there is no journal (run-*{JOURNAL_SUFFIX}) here", path=str(path))
        return cls(found[0].parent, found[0].stem.removeprefix("run-"))

    @property
    def journal(self) -> Path:
        """What the training said."""
        return self.path / f"run-{self.run_id}{JOURNAL_SUFFIX}"

    def further_journals(self) -> list[tuple[str, Path]]:
        """Journals of other processes that write the run, with the names of their writers."""
        found = sorted(self.path.glob(f"{WRITER_PREFIX}*{WRITER_SUFFIX}"))
        return [(path.stem.removeprefix(WRITER_PREFIX), path) for path in found]

    def further_journal(self, writer: str) -> Path:
        """The journal of another process."""
        return self.path / f"{WRITER_PREFIX}{writer}{WRITER_SUFFIX}"

    @property
    def looking_mark(self) -> Path:
        """There while what looks around has been left behind by the training, and is to write a journal of its own."""
        return self.path / f"run-{self.run_id}.looking"

    def is_being_looked_around(self, *, now_s: float | None = None) -> bool:
        """Whether a journal about the surroundings is still to come; a mark that was left behind long ago is void."""
        try:
            marked_at_s = self.looking_mark.stat().st_mtime
        except OSError:
            return False
        return (time.time() if now_s is None else now_s) - marked_at_s < LOOK_TIMEOUT_S

    @property
    def files(self) -> Path:
        """Files of the run, under the names that they have on the server."""
        return self.path / "files"

    @property
    def artifacts(self) -> Path:
        """Copies of files of artifacts, and their manifests, until a server has them."""
        return self.path / "artifacts"

    @property
    def logs(self) -> Path:
        """What client and sender note about themselves."""
        return self.path / "logs"

    @property
    def ledger(self) -> Path:
        """What the server has."""
        return self.path / f"run-{self.run_id}.ledger.json"

    @property
    def lock(self) -> Path:
        """Held by the one sender that works on the folder."""
        return self.path / f"run-{self.run_id}.lock"

    @property
    def synced_mark(self) -> Path:
        """Is there once the server has everything; the vendor's tools look for it too."""
        return self.path / f"run-{self.run_id}{JOURNAL_SUFFIX}{SYNCED_SUFFIX}"


class JournalTail:
    """Reads a journal that may still be written; close it when done."""

    def __init__(self, path: Path) -> None:
        """Begin at the start of the file.

        Raises:
            OSError: It cannot be opened.
        """
        self._path = path
        self._file = path.open("rb", buffering=0)
        self._reader = JournalReader()

    @property
    def damages(self) -> list[Damage]:
        """What could not be read so far."""
        return self._reader.damages

    def read(self, max_bytes: int = READ_BYTES) -> list[Record] | None:
        """The records in the next `max_bytes` that are there; None at the end for now.

        Raises:
            JournalCorrupt: The file is no journal.
        """
        data = self._file.read(max_bytes)
        if not data:
            return None
        try:
            payloads = self._reader.feed(data)
        except JournalCorrupt as exc:
            raise JournalCorrupt(exc.problem, path=str(self._path)) from exc
        return [Record.FromString(payload) for payload in payloads]

    def end(self) -> Damage | None:
        """What is left over if nobody writes on."""
        return self._reader.end()

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def iter_records(path: Path) -> Iterator[Record]:
    """All whole records of a journal.

    Raises:
        JournalCorrupt: The file is no journal.
    """
    tail = JournalTail(path)
    try:
        while (records := tail.read()) is not None:
            yield from records
    finally:
        tail.close()
