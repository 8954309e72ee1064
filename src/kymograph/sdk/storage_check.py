"""Whether what stores the files of a server does what clients and pages need: large files, parts of files, CORS."""

from __future__ import annotations

import os
import time
from io import BytesIO
from urllib.parse import urlsplit

from kymograph.client.run_reads import RunReads
from kymograph.client.runs import RunAddress, RunClient, UploadTarget
from kymograph.core.digest import md5_digest
from kymograph.errors import IntegrityError, ProtocolError, RunFileNotFound

LARGE_FILE = "large.bin"
LARGE_FILE_BYTES = 32 << 20
"""More than proxies let through that nobody has configured: nginx stops at 1 MB, some gateways at 10 MB."""
PART = range(LARGE_FILE_BYTES // 2, LARGE_FILE_BYTES // 2 + 1000)
FORBIDDEN_IN_PAGES = "http://"


class StorageCheck:
    """Tries the storage behind one run."""

    def __init__(self, client: RunClient, at: RunAddress) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: Of the server.
            at: A run that may be written.
        """
        self._client, self._reads, self._at = client, RunReads(client), at

    def large_file(self) -> str:
        """Send a large file and fetch it, whole and in part.

        Returns:
            How fast that was, in words.

        Raises:
            KymographError: It does not work; the message says what to do.
        """
        content = os.urandom(1 << 20) * (LARGE_FILE_BYTES >> 20)
        began = time.monotonic()
        target = self._target(LARGE_FILE)
        assert target.url is not None
        self._client.put(target.url, content, headers=dict(target.headers))
        sent = time.monotonic()
        self._client.stream(self._at, {"uploaded": [LARGE_FILE]})
        url = self.address_of(LARGE_FILE)
        whole = BytesIO()
        self._client.fetch(url, whole)
        fetched = time.monotonic()
        if md5_digest(whole.getvalue()) != md5_digest(content):
            raise IntegrityError("other bytes come than were sent: does a proxy or cache change answers?")
        part = BytesIO()
        self._client.fetch(url, part, headers={"Range": f"bytes={PART.start}-{PART.stop - 1}"})
        if part.getvalue() != content[PART.start : PART.stop]:
            raise ProtocolError(
                "a request for a part of a file is not answered with that part: does a proxy take the Range header "
                "off? Downloads can then not go on where they stopped"
            )
        return (
            f"{LARGE_FILE_BYTES / 1e6:.0f} MB, sent with {_rate(sent - began)} and fetched with "
            f"{_rate(fetched - sent)}; parts of it as well"
        )

    def cross_origin(self, name: str) -> list[str]:
        """What keeps the pages of the server from the files it stores; nothing if all is well.

        Args:
            name: Of a file of the run.

        Raises:
            KymographError: The addresses cannot be asked for.
        """
        base = urlsplit(self._client.base_url)
        origin = f"{base.scheme}://{base.netloc}"
        upload = self._target(name).url
        problems = []
        for method, url in (("GET", self.address_of(name)), ("PUT", upload)):
            if url is None:
                continue
            if base.scheme == "https" and url.startswith(FORBIDDEN_IN_PAGES):
                problems.append(
                    f"addresses for {method} are http and the server is https, which browsers block: set its public URL"
                )
            if self._client.ask_permission(url, origin=origin, method=method) not in ("*", origin):
                problems.append(
                    f"the storage at {urlsplit(url).netloc or base.netloc} does not let pages of {origin} {method} "
                    "files: add that origin to its CORS rules"
                )
        return problems

    def address_of(self, name: str) -> str:
        """Where a file of the run is fetched.

        Raises:
            RunFileNotFound: There is none of that name.
        """
        file = self._reads.find_file(self._at, name)
        if file is None:
            raise RunFileNotFound(name)
        return file.url

    def _target(self, name: str) -> UploadTarget:
        return self._client.create_files(self._at, [name])[0]


def _rate(seconds: float) -> str:
    return f"{LARGE_FILE_BYTES / 1e6 / max(seconds, 1e-6):,.0f} MB/s"
