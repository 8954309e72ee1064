"""Access tokens in exchange for identity tokens: a job proves who it is by a file that its platform writes.

The access token is kept in a file beside the settings until shortly before its end, as the protocol's own client does
it, so that the processes of one job exchange once.

Source: protocol.md §1.6.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

from kymograph.client.answers import error_of
from kymograph.client.files import replace_file
from kymograph.errors import Unauthenticated

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
        cache: Path | None,
        *,
        exchange: Callable[[dict[str, str]], httpx.Response],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; nothing is read or sent yet.

        Args:
            base_url: Of the server.
            identity_token_file: Read anew for each exchange: platforms replace it.
            cache: Where access tokens are kept, by server; None for nowhere.
            exchange: Posts a form to `EXCHANGE_PATH` of the server.
            now: The time.
        """
        self._base_url, self._file, self._cache = base_url, identity_token_file, cache
        self._exchange_form, self._now = exchange, now
        self._lock = threading.Lock()
        self._held: tuple[str, datetime] | None = None

    def token(self) -> str:
        """An access token that holds for some minutes at least.

        Raises:
            Unauthenticated: There is no identity token, or the server does not take it.
            Unreachable: There is no server; the same may succeed later.
        """
        with self._lock:
            held = self._held or self._kept()
            if held is None or held[1] - self._now() <= RENEWED_BEFORE:
                token, lasts_s = self._exchange()
                held = token, self._now() + timedelta(seconds=lasts_s)
                self._keep(*held)
            self._held = held
            return held[0]

    def forget(self, token: str) -> None:
        """Exchange anew, if that is still the token: the server does not take it."""
        with self._lock:
            if self._held is not None and self._held[0] == token:
                self._held = None
                self._write({name: entry for name, entry in self._entries().items() if name != self._base_url})

    def _kept(self) -> tuple[str, datetime] | None:
        entry = self._entries().get(self._base_url)
        try:
            ends = datetime.strptime(entry["expires_at"], _TIME_FORM).replace(tzinfo=UTC)  # type: ignore[index]
            return str(entry["access_token"]), ends  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            return None

    def _entries(self) -> dict[str, Any]:
        if self._cache is None:
            return {}
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
        response = self._exchange_form({"grant_type": GRANT_TYPE, "assertion": assertion})
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
        entry = {"access_token": token, "expires_at": ends.strftime(_TIME_FORM)}
        self._write({**self._entries(), self._base_url: entry})

    def _write(self, entries: dict[str, Any]) -> None:
        if self._cache is None:
            return
        with suppress(OSError):  # it is only exchanged more often then
            replace_file(self._cache, orjson.dumps({"credentials": entries}).decode(), is_private=True)
