"""Files in the web, as artifacts refer to them: with ETags, which change with the content, and in ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class WebFiles:
    """What is served, by its path; change it at any time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        """Method, path and range of each request."""


@contextmanager
def web_files() -> Iterator[WebFiles]:
    """A web server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            wanted = self.headers.get("Range")
            found.requests.append((self.command, self.path, wanted))
            content = found.files.get(self.path.partition("?")[0])
            if content is None:
                self.send_error(404)
                return
            tag = f'"{sha256(content).hexdigest()[:20]}"'
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
            if match is not None and self.headers.get("If-Range", tag) == tag:
                first, last = int(match[1]), min(int(match[2] or len(content) - 1), len(content) - 1)
                body = content[first : last + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            else:
                body = content
                self.send_response(200)
            self.send_header("ETag", tag)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = WebFiles(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()
