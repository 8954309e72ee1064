"""Small objects of S3 by plain signed requests.

Boto spends more processor time on one request than a small object takes to move. This asks by requests that are signed
with boto's own signer and sent by its own HTTP session (proxies, certificates), and leaves everything that is not
plainly answered to boto: redirections to other regions, errors, another try.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kymograph.sdk.artifacts.references.base import require

_PURPOSE = "an s3:// reference"
_SIGNATURES = ("s3v4", "s3")
"""What boto calls the one that is spoken here: ``s3`` is its word for the default."""
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object that came whole."""

    content: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Put:
    """What the server said to an object that it took."""

    etag: str
    version: str | None


class S3Requests:
    """Requests about one bucket. Safe to share between threads."""

    def __init__(self, client: Any, session: Any, bucket: str) -> None:
        """Prepare; nothing is asked yet.

        Args:
            client: Boto's, which says where the bucket is and how requests are signed.
            session: Boto's, which has the credentials.
            bucket: Its name.
        """
        self._client, self._session, self._bucket = client, session, bucket
        self._ready: tuple[Any, Any, str, str] | None = None
        self._is_possible = client.meta.config.signature_version in _SIGNATURES

    def get(self, key: str, *, version: str | None = None) -> Fetched | None:
        """An object; None if boto has to be asked."""
        query = f"?versionId={quote(version, safe='')}" if version else ""
        answer = self._send("GET", quote(key, safe="/~") + query)
        if answer is None or answer.headers.get("Content-Encoding"):
            return None
        etag = answer.headers.get("ETag")
        return None if etag is None else Fetched(answer.content, etag.strip('"'))

    def put(self, key: str, content: bytes, *, md5: str | None = None) -> Put | None:
        """Put an object, which the server checks against its MD5; None if boto has to do it.

        Args:
            key: Of the object.
            content: All of it.
            md5: Base64 of the MD5 that it should have; by default that of the content.
        """
        checked = md5 or base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        answer = self._send("PUT", quote(key, safe="/~"), content, {"Content-MD5": checked})
        etag = None if answer is None else answer.headers.get("ETag")
        return None if etag is None else Put(etag.strip('"'), answer.headers.get("x-amz-version-id"))

    def _send(
        self, method: str, target: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The answer, read whole; None for anything but success."""
        if not self._is_possible:
            return None
        errors = require("botocore.exceptions", extra="s3", purpose=_PURPOSE)
        transport_error = require("urllib3.exceptions", extra="s3", purpose=_PURPOSE).HTTPError
        request_class = require("botocore.awsrequest", extra="s3", purpose=_PURPOSE).AWSRequest
        try:
            http, credentials, region, base = self._prepared()
            request = request_class(method=method, url=base + target, data=content or b"", headers=headers or {})
            auth = require("botocore.auth", extra="s3", purpose=_PURPOSE)
            auth.S3SigV4Auth(credentials.get_frozen_credentials(), "s3", region).add_auth(request)
            answer = http.send(request.prepare())
            if answer.status_code != 200:
                return None
            answer.content  # noqa: B018 — read here, where it may break off
        except (errors.BotoCoreError, transport_error):
            return None
        return answer

    def _prepared(self) -> tuple[Any, Any, str, str]:
        """The HTTP session, credentials, region and address of the bucket with a slash.

        Raises:
            botocore.exceptions.NoCredentialsError: There are none.
        """
        if self._ready is None:
            address = self._client.generate_presigned_url("get_object", Params={"Bucket": self._bucket, "Key": "x"})
            base = address.partition("?")[0].removesuffix("x")
            credentials = self._session.get_credentials()
            if credentials is None:
                raise require("botocore.exceptions", extra="s3", purpose=_PURPOSE).NoCredentialsError
            utils = require("botocore.utils", extra="s3", purpose=_PURPOSE)
            http = require("botocore.httpsession", extra="s3", purpose=_PURPOSE).URLLib3Session(
                verify=self._session._session.get_config_variable("ca_bundle") or True,
                proxies=self._client.meta.config.proxies or utils.get_environ_proxies(base),
                timeout=self._client.meta.config.read_timeout,
                max_pool_connections=_CONNECTIONS,
                # Otherwise a body waits until the server has acknowledged the headers: up to 40 ms, as measured.
                socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            )
            self._ready = http, credentials, str(self._client.meta.region_name or "us-east-1"), base
        return self._ready
