"""How to reach a server, and as whom: one value that every client is made from, in whichever process it works.

It is plain data without a network in it: a training hands it to its sender through a pipe, so that proxies,
certificates and credentials are the same there. It holds secrets, and is for no file, argument or log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from kymograph.client.credentials import Credential
from kymograph.client.retry import LONGEST_WAIT_S, SHORTEST_WAIT_S, Backoff

CONNECT_TIMEOUT_S = 10.0
GRAPHQL_TIMEOUT_S = 30.0
STREAM_TIMEOUT_S = 180.0
TRANSFER_TIMEOUT_S = 300.0
"""For silence, not for the whole: a large file may take hours, as long as bytes move.

Source: protocol.md §5.3, §16.1 for the first two; that client waits for a transfer without end.
"""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How long an answer may take, and how often it is asked for again."""

    timeout_s: float
    """How long a server may be silent."""
    retries: int | None = None
    """None: as often as whoever asks has time for."""
    shortest_wait_s: float = SHORTEST_WAIT_S
    longest_wait_s: float = LONGEST_WAIT_S

    def backoff(self) -> Backoff:
        """The waits between them."""
        return Backoff(self.shortest_wait_s, max(self.shortest_wait_s, self.longest_wait_s), retries=self.retries)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server, and as whom."""

    base_url: str
    """Without a slash at its end."""
    credential: Credential
    token_cache: Path | None = None
    """Where access tokens are kept that identity tokens were exchanged for."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request, also to the hosts of files."""
    author: Mapping[str, str] = field(default_factory=dict)
    """Headers that tell a server whose work a service account does."""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Address of a proxy by the beginning of the addresses it is for: ``http://``, ``all://``, ``https://host``.

    For others, and for hosts in NO_PROXY, the environment holds.
    """
    checks_certificates: bool = True
    graphql: Attempts = Attempts(GRAPHQL_TIMEOUT_S)
    stream: Attempts = Attempts(STREAM_TIMEOUT_S)
    transfer: Attempts = Attempts(TRANSFER_TIMEOUT_S)
    stream_bytes: int | None = None
    """Of one request of the file stream, at most and about; None: what the sender finds good."""
    stream_every_s: float | None = None
    """At the least between two requests of the file stream; None: what the sender finds good."""

    @classmethod
    def of(cls, base_url: str, api_key: str) -> Self:
        """A server that is reached without further ado."""
        return cls(base_url, Credential("the call", api_key))

    @classmethod
    def from_settings(cls, settings: Any, base_url: str, credential: Credential) -> Self:
        """What settings say.

        Args:
            settings: Has an attribute for each setting, by its name.
            base_url: Of the server. Headers are for the one that is set, and no other sees them.
            credential: Proves who asks it.
        """
        author = {"X-WANDB-USERNAME": settings.username, "X-WANDB-USER-EMAIL": settings.email}
        given = {"http": settings.http_proxy, "https": settings.https_proxy}
        proxies = {**(settings.x_proxies or {}), **{scheme: url for scheme, url in given.items() if url}}
        return cls(
            base_url,
            credential,
            Path(settings.credentials_file) if settings.credentials_file else None,
            headers=dict(settings.x_extra_http_headers or {}) if base_url == settings.base_url else {},
            author={name: value for name, value in author.items() if value},
            proxies={start if "://" in start else f"{start}://": url for start, url in proxies.items()},
            checks_certificates=not settings.insecure_disable_ssl,
            graphql=_attempts(
                settings.x_graphql_timeout_seconds or GRAPHQL_TIMEOUT_S,
                settings.x_graphql_retry_max,
                settings.x_graphql_retry_wait_min_seconds,
                settings.x_graphql_retry_wait_max_seconds,
            ),
            stream=_attempts(
                settings.x_file_stream_timeout_seconds or STREAM_TIMEOUT_S,
                settings.x_file_stream_retry_max,
                settings.x_file_stream_retry_wait_min_seconds,
                settings.x_file_stream_retry_wait_max_seconds,
            ),
            transfer=_attempts(
                settings.x_file_transfer_timeout_seconds or TRANSFER_TIMEOUT_S,
                settings.x_file_transfer_retry_max,
                settings.x_file_transfer_retry_wait_min_seconds,
                settings.x_file_transfer_retry_wait_max_seconds,
            ),
            stream_bytes=settings.x_file_stream_max_bytes or None,
            stream_every_s=settings.x_file_stream_transmit_interval or None,
        )

    def document(self) -> dict[str, Any]:
        """For another process of the same user, through a pipe: it holds secrets."""
        document = asdict(self)
        paths = {"token_cache": self.token_cache, "identity_token_file": self.credential.identity_token_file}
        texts = {name: None if path is None else str(path) for name, path in paths.items()}
        document["token_cache"] = texts["token_cache"]
        document["credential"]["identity_token_file"] = texts["identity_token_file"]
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What `document` gave."""
        values: dict[str, Any] = dict(document)
        credential = dict(values.pop("credential"))
        credential["identity_token_file"] = _path(credential["identity_token_file"])
        values |= {name: Attempts(**values[name]) for name in ("graphql", "stream", "transfer")}
        values |= {"credential": Credential(**credential), "token_cache": _path(values["token_cache"])}
        return cls(**values)


def _attempts(
    timeout_s: float, most: int | None, shortest_wait_s: float | None, longest_wait_s: float | None
) -> Attempts:
    """Zero stands for the default, as in the protocol's own client."""
    return Attempts(timeout_s, most or None, shortest_wait_s or SHORTEST_WAIT_S, longest_wait_s or LONGEST_WAIT_S)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
