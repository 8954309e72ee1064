"""An HTTP server in a thread of the test: whatever answers, with faults as they are planned."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from kymograph.testing.faults import Fault, Faults, kind_of


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class LiveServer:
    """Listens on a port of this machine; stop it when done, or use it as a context."""

    def __init__(self, answer: Callable[[Request], Answer], *, faults: Faults | None = None) -> None:
        """Begin to listen.

        Args:
            answer: Called in a thread for each connection.
            faults: What goes wrong.
        """
        self.faults = faults or Faults()
        self._answer = answer
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner._handle(self)

            do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_GET  # noqa: N815

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client went away; its business."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="live server", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Listen no more; what waits is broken off."""
        self.faults.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        request = Request(handler.command, handler.path, dict(handler.headers.items()), _body_of(handler))
        fault = self.faults.next(kind_of(handler.path.partition("?")[0]))
        self.faults.pause()
        if fault is Fault.SILENCE:
            self.faults.wait_in_silence()
        if fault in (Fault.RESET, Fault.SILENCE):
            _break(handler)
        elif fault is Fault.FAIL:
            _send(handler, Answer(500, b'{"error": "planned by the test"}'))
        elif fault is Fault.BUSY:
            _send(handler, Answer(429, b"{}", {"Retry-After": f"{self.faults.retry_after_s:g}"}))
        else:
            answer = self._answer(request)
            if fault is Fault.LOST:
                _break(handler)
            else:
                _send(handler, answer, is_half=fault is Fault.HALF)


def _body_of(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def _send(handler: BaseHTTPRequestHandler, answer: Answer, *, is_half: bool = False) -> None:
    handler.send_response(answer.status)
    for name, value in {"Content-Type": "application/json", **answer.headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body) + is_half))
    handler.end_headers()
    if handler.command == "HEAD":
        return
    handler.wfile.write(answer.body[: len(answer.body) // 2] if is_half else answer.body)
    if is_half:
        handler.wfile.flush()
        _break(handler)


def _break(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection: no farewell, as from a machine that is gone."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
