"""Access tokens in exchange for identity tokens: a job proves who it is by a file that its platform writes.

The access token is kept in a file beside the settings until shortly before its end, as the protocol's own client does
it, so that the processes of one job exchange once.

Source: protocol.md §1.6.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

from kymograph.client.answers import error_of
from kymograph.client.files import replace_file
from kymograph.errors import Unauthenticated, Unreachable

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_PATH = "/oidc/token"
RENEWED_BEFORE = timedelta(minutes=5)
TIMEOUT_S = 10.0
_TIME_FORM = "%Y-%m-%d %H:%M:%S"
"""UTC, without saying so."""


class AccessTokens:
    """Gives access tokens for one server."""

    def __init__(
        self,
        base_url: str,
        identity_token_file: Path,
        cache: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        inner: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is read or sent yet.

        Args:
            base_url: Of the server.
            identity_token_file: Read anew for each exchange: platforms replace it.
            cache: Where access tokens are kept, by server.
            now: The time.
            inner: Carries the requests instead of the network.
        """
        self._base_url, self._file, self._cache = base_url, identity_token_file, cache
        self._now, self._inner = now, inner

    def token(self) -> str:
        """An access token that holds for some minutes at least.

        Raises:
            Unauthenticated: There is no identity token, or the server does not take it.
            Unreachable: There is no server; the same may succeed later.
        """
        kept = self._kept()
        if kept is not None:
            return kept
        token, lasts_s = self._exchange()
        self._keep(token, self._now() + timedelta(seconds=lasts_s))
        return token

    def _kept(self) -> str | None:
        entry = self._entries().get(self._base_url)
        try:
            ends = datetime.strptime(entry["expires_at"], _TIME_FORM).replace(tzinfo=UTC)  # type: ignore[index]
            token = entry["access_token"]  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            return None
        return str(token) if ends - self._now() > RENEWED_BEFORE else None

    def _entries(self) -> dict[str, Any]:
        try:
            found = orjson.loads(self._cache.read_bytes())["credentials"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    def _exchange(self) -> tuple[str, float]:
        try:
            assertion = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise Unauthenticated(
                f"the identity token in {self._file} cannot be read: {exc}; check WANDB_IDENTITY_TOKEN_FILE"
            ) from exc
        try:
            with httpx.Client(timeout=TIMEOUT_S, transport=self._inner) as client:
                response = client.post(
                    f"{self._base_url}{EXCHANGE_PATH}", data={"grant_type": GRANT_TYPE, "assertion": assertion}
                )
        except httpx.HTTPError as exc:
            raise Unreachable(self._base_url, problem=str(exc) or type(exc).__name__) from exc
        if response.status_code in (429, *range(500, 600)):
            raise error_of(response)
        try:
            answer = response.json()
            return str(answer["access_token"]), float(answer["expires_in"])
        except (ValueError, KeyError, TypeError) as exc:
            raise Unauthenticated(
                f"{self._base_url} does not take the identity token in {self._file} "
                f"({response.status_code}: {response.text[:200]}); ask whoever runs it which tokens it trusts"
            ) from exc

    def _keep(self, token: str, ends: datetime) -> None:
        entries = {**self._entries(), self._base_url: {"access_token": token, "expires_at": ends.strftime(_TIME_FORM)}}
        with suppress(OSError):  # it is only exchanged more often then
            replace_file(self._cache, orjson.dumps({"credentials": entries}).decode(), is_private=True)
