"""Files of a run that become visible together, when the transaction ends."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, BinaryIO

from fsspec.asyn import sync  # type: ignore[import-untyped] # it has no types
from fsspec.transaction import Transaction  # type: ignore[import-untyped]

from kymograph.errors import PathExists
from kymograph.fs.paths import RunFilePath, join

STAGING_FOLDER = ".kymograph-transaction"
"""Where files of a run wait until all of them are there."""


@dataclass(slots=True)
class DeferredFile:
    """A file that was written as a whole, and is to be sent."""

    path: str
    spool: BinaryIO | None
    is_exclusive: bool

    def discard(self) -> None:
        """Forget it."""
        if self.spool is not None:
            self.spool.close()
            self.spool = None


class RunFileTransaction(Transaction):  # type: ignore[misc] # fsspec has no types
    """Files that are written inside are there when it ends: those of one run all at once, or none of them.

    At a server that cannot move files they come one after the other.
    """

    def defer(self, path: str, spool: BinaryIO, *, is_new: bool) -> None:
        """Take a file that was written as a whole; it is closed when the transaction ends."""
        self.files.append(DeferredFile(path, spool, is_new))

    def complete(self, commit: bool = True) -> None:
        """Send all files, or forget them.

        Raises:
            OSError: They could not be sent; none of them is visible.
        """
        fs, files = self.fs, list(self.files)
        self.files.clear()
        fs._intrans = False
        fs._transaction = None
        try:
            if commit:
                sync(fs.loop, _send_all, fs, files)
        finally:
            for file in files:
                file.discard()


async def _send_all(fs: Any, files: list[Any]) -> None:
    # Of two files at one path, the later one counts.
    last = {file.path: file for file in files if file.spool is not None}
    session = fs.session
    if not await session.call(lambda: session.run_files.knows_folders):
        for path, file in last.items():
            await fs._send_spool(path, file.spool, is_new=file.is_exclusive)
        return
    staged: dict[str, str] = {}
    token = secrets.token_hex(8)
    try:
        for number, (path, file) in enumerate(last.items()):
            if file.is_exclusive and await fs._exists(path):
                raise PathExists(path)
            run = fs._shown(RunFilePath.parse(fs._whole(path)).run_path)
            aside = join(run, STAGING_FOLDER, token, str(number))
            await fs._send_spool(aside, file.spool)
            staged[aside] = path
    except BaseException:
        await fs._delete_files([*staged])
        raise
    await fs._relocate([*staged.items()], is_move=True)
