"""As much of an S3 server as the bench needs, in memory, so quick that it is the client that is measured.

    python -m bench.bucket.s3_server PORT DELAY_MS

It takes and gives objects (checked against ``Content-MD5``), and lists them. Each answer comes later by the delay.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1000
WRITTEN = "Last-Modified: Sat, 28 Nov 2026 00:00:00 GMT\r\n"
MISSING = b"<Error><Code>NoSuchKey</Code></Error>"


class Objects:
    """Objects by ``bucket/key``."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, str]] = {}

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Status, body and ETag of the answer to a request."""
        parts = urlsplit(target)
        path, query = unquote(parts.path).lstrip("/"), parse_qs(parts.query, keep_blank_values=True)
        if method == "PUT":
            raw = hashlib.md5(body, usedforsecurity=False)
            told = headers.get("content-md5")
            if told is not None and base64.b64encode(raw.digest()).decode() != told:
                return 400, b"<Error><Code>BadDigest</Code></Error>", ""
            self.held[path] = body, raw.hexdigest()
            return 200, b"", raw.hexdigest()
        if "list-type" in query:
            return 200, self._listing(path.rstrip("/"), query), ""
        if "/" not in path.rstrip("/"):
            return 501, b"<Error><Code>NotImplemented</Code></Error>", ""
        found = self.held.get(path)
        return (404, MISSING, "") if found is None else (200, found[0], found[1])

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        prefix = f"{bucket}/{query.get('prefix', [''])[0]}"
        after = query.get("continuation-token", [""])[0]
        keys = sorted(key for key in self.held if key.startswith(prefix) and key > after)
        page, has_more = keys[:PAGE], len(keys) > PAGE
        items = "".join(
            f"<Contents><Key>{escape(key.partition('/')[2])}</Key><ETag>{self.held[key][1]}</ETag>"
            f"<Size>{len(self.held[key][0])}</Size></Contents>"
            for key in page
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if has_more else ""
        return (
            f"<ListBucketResult><IsTruncated>{str(has_more).lower()}</IsTruncated>{more}{items}</ListBucketResult>"
        ).encode()


async def main(port: int, delay_s: float) -> None:
    objects = Objects()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                if headers.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(int(headers.get("content-length") or 0))
                status, content, etag = objects.answer(method, target, headers, body)
                if delay_s:
                    await asyncio.sleep(delay_s)
                lines = f'HTTP/1.1 {status} -\r\nContent-Length: {len(content)}\r\n{WRITTEN}ETag: "{etag}"\r\n\r\n'
                writer.write(lines.encode() + (b"" if method == "HEAD" else content))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=256, limit=1 << 24)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
