"""Small objects of S3, by a client that is quick at them.

Boto spends more processor time on one request than a small object takes to move: some 600 µs, where obstore takes 100.
So small objects go through that if it is installed. It gets credentials, region, certificates and proxy of boto, and
everything that is not plainly answered is left to boto: redirections to other regions, errors, another try.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kymograph.sdk.artifacts.references.base import require

_PURPOSE = "an s3:// reference"
_SIGNATURES = ("s3v4", "s3")
"""What boto calls the one that is spoken here: ``s3`` is its word for the default."""
_TIMEOUT = "300s"
"""For a whole request; boto, which is asked then, bounds how long nothing comes."""
_first_process: list[int] = []
"""The process that asked first: obstore's threads are not there in what is forked from it."""


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
        self._store: Any = None
        if client.meta.config.signature_version in _SIGNATURES and importlib.util.find_spec("obstore") is not None:
            self._store = _open(client, session, bucket)

    def get(self, key: str, *, version: str | None = None) -> Fetched | None:
        """An object; None if boto has to be asked."""
        if not self._can_ask(key):
            return None
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = obstore.get(self._store, key, options={"version": version} if version else {})
            etag = answer.meta["e_tag"]
            if etag is None or answer.attributes.get("Content-Encoding"):
                return None
            return Fetched(bytes(answer.bytes()), etag.strip('"'))
        except (BaseError, OSError):
            return None

    def put(self, key: str, content: bytes) -> Put | None:
        """Put an object, whose SHA-256 is signed with the request: the server checks it; None if boto has to do it."""
        if not self._can_ask(key):
            return None
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = obstore.put(self._store, key, content, use_multipart=False)
        except (BaseError, OSError):
            return None
        etag = answer["e_tag"]
        return None if etag is None else Put(etag.strip('"'), answer["version"])

    def _can_ask(self, key: str) -> bool:
        """Whether obstore works here, and would not have the key be another one."""
        if self._store is None or any(segment in ("", ".", "..") for segment in key.split("/")):
            return False
        if not _first_process:
            _first_process.append(os.getpid())
        return _first_process[0] == os.getpid()


def _open(client: Any, session: Any, bucket: str) -> Any:
    """Obstore's view of a bucket; None if there are no credentials, or certificates in a whole folder."""
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    authorities = session._session.get_config_variable("ca_bundle")
    if session.get_credentials() is None or (authorities and not Path(authorities).is_file()):
        return None
    address = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "x"})
    base = address.partition("?")[0].removesuffix("/x")
    is_virtual = not base.endswith(f"/{bucket}")
    options: dict[str, Any] = {"allow_http": base.startswith("http://"), "timeout": _TIMEOUT}
    if authorities:
        options["root_certificate"] = Path(authorities).read_bytes()
    proxies = client.meta.config.proxies or require("botocore.utils", extra="s3", purpose=_PURPOSE).get_environ_proxies(
        base
    )
    proxy = proxies.get(base.partition(":")[0])
    if proxy:
        options["proxy_url"] = proxy
    return S3Store(
        bucket,
        endpoint=base if is_virtual else base.removesuffix(f"/{bucket}"),
        region=str(client.meta.region_name or "us-east-1"),
        virtual_hosted_style_request=is_virtual,
        credential_provider=Boto3CredentialProvider(session),
        client_options=options,  # type: ignore[arg-type] # a dictionary of just these
        retry_config={"max_retries": 0},
    )
