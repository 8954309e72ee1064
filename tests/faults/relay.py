"""A relay in front of a server that counts what clients send, and slows it down. It knows nothing of HTTP."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 16 << 10


class Relay:
    """Passes bytes on between clients and the server on a port of this machine. A context manager."""

    def __init__(self, target_port: int, *, port: int, bytes_per_s: float) -> None:
        """Begin to listen.

        Args:
            target_port: Of the server; it may be away at times.
            port: To listen on.
            bytes_per_s: As much as all clients together may send.
        """
        self.url = f"http://127.0.0.1:{port}"
        self._target_port, self._bytes_per_s = target_port, bytes_per_s
        self._changed = threading.Condition()
        self._sent = 0
        self._free_at_s = 0.0
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Closing alone does not wake the thread that waits in `accept`.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def sent(self) -> int:
        """Bytes that clients have sent so far, heads of requests included."""
        with self._changed:
            return self._sent

    def wait_until_sent(self, count: int, *, timeout_s: float) -> bool:
        """Wait until so many bytes have been sent in all; whether they were."""
        with self._changed:
            return self._changed.wait_for(lambda: self._sent >= count, timeout_s)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for source, sink, is_counted in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass_on, args=(source, sink, is_counted), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_counted: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if is_counted:
                    self._count(len(piece))
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if not is_counted:
            source.close()
            sink.close()

    def _count(self, size: int) -> None:
        with self._changed:
            self._sent += size
            self._changed.notify_all()
            now = time.monotonic()
            self._free_at_s = max(self._free_at_s, now) + size / self._bytes_per_s
            pause_s = self._free_at_s - now
        time.sleep(pause_s)
