"""Answers of our own server that are files, with what it says about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from kymograph.client.transport import Transport

DAMAGE_HEADER = "X-Kymograph-Damaged"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came."""

    size_bytes: int
    damaged: str
    """What the server could not read and left out, in its words; empty if nothing."""


class Downloads(Transport):
    """A transport for large answers."""

    def download(
        self,
        path: str,
        sink: BinaryIO,
        *,
        parameters: Mapping[str, str | int | Sequence[str]] | None = None,
        note: Callable[[int], object] = lambda _size: None,
    ) -> Downloaded:
        """Write an answer to a file, piece by piece.

        Args:
            path: Below the server's address.
            sink: Where it goes.
            parameters: Of the address.
            note: Told the size of each piece.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: There is no server, or the connection broke: what was written is not whole.
        """
        sizes: list[int] = []

        def count(size: int) -> None:
            sizes.append(size)
            note(size)

        query: Any = parameters
        headers = self.fetch(path, sink, note=count, params=query, headers={"Accept-Encoding": "identity"})
        return Downloaded(sum(sizes), headers.get(DAMAGE_HEADER, ""))
