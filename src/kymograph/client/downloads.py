"""Answers that are files: written as they come, and there only when they are whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx

from kymograph.client.answers import error_of
from kymograph.client.transport import Transport
from kymograph.errors import Unreachable

DAMAGE_HEADER = "X-Kymograph-Damaged"
_PIECE_BYTES = 1024 * 1024


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
            Unreachable: There is no server, or the connection broke: what was written is not whole.
        """
        size = 0
        query: Any = parameters
        try:
            with self._client.stream("GET", path, params=query, headers={"Accept-Encoding": "identity"}) as response:
                if response.status_code >= 400:
                    response.read()
                    raise error_of(response)
                for piece in response.iter_bytes(_PIECE_BYTES):
                    sink.write(piece)
                    size += len(piece)
                    note(len(piece))
                return Downloaded(size, response.headers.get(DAMAGE_HEADER, ""))
        except httpx.HTTPError as exc:
            raise Unreachable(self.settings.base_url, problem=str(exc) or type(exc).__name__) from exc
