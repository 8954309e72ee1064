"""Who asks: the one place where API keys and identity tokens are looked for.

In this order: the argument of a call, ``WANDB_API_KEY``, ``WANDB_IDENTITY_TOKEN_FILE``, settings files, netrc. Nothing
is written to the environment of the process, which its children inherit and its logs show.

Source: protocol.md §1.3–1.6; seeds.md F.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kymograph.client.netrc_file import netrc_path, read_key
from kymograph.errors import Unauthenticated

MIN_KEY_LENGTH = 40
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_SECRET = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves who asks, and where it was found."""

    source: str
    api_key: str | None = field(default=None, repr=False)
    identity_token_file: Path | None = None

    def authorization(self) -> str | None:
        """The header for a key; None for an identity token, which is to be exchanged first."""
        return None if self.api_key is None else basic_authorization(self.api_key)


def basic_authorization(api_key: str) -> str:
    """The header in which every server of the protocol takes a key."""
    from base64 import b64encode

    return "Basic " + b64encode(f"api:{api_key}".encode()).decode()


def key_problem(key: str) -> str | None:
    """What is wrong with the form of a key, in a sentence; None if nothing. Source: protocol.md §1.4."""
    if not key:
        return "API key is empty."
    if _JWT.fullmatch(key):
        return None
    secret = key.partition("-")[2] if "-" in key else key
    if _SECRET.fullmatch(secret) is None:
        return "API key may only contain the letters A-Z, digits and underscores."
    if len(secret) < MIN_KEY_LENGTH:
        return f"API key must have {MIN_KEY_LENGTH}+ characters, has {len(secret)}."
    return None


def check_key(key: str, *, source: str) -> str:
    """The key, if its form is one.

    Raises:
        Unauthenticated: It is none; the message does not show it.
    """
    problem = key_problem(key)
    if problem is not None:
        raise Unauthenticated(f"{problem} It comes from {source}; copy it again, whole and without spaces.")
    return key


def find_credential(
    base_url: str,
    *,
    key: str | None = None,
    environment: Mapping[str, str],
    home: Path,
    filed: Mapping[str, tuple[str, str]] | None = None,
) -> Credential | None:
    """What proves who asks a server.

    Args:
        base_url: Of the server.
        key: Given in the call.
        environment: The process environment.
        home: Of the user.
        filed: ``api_key`` and ``identity_token_file`` of settings files, with the file that says so.

    Returns:
        None if there is nothing.

    Raises:
        Unauthenticated: Two variables contradict each other, or a key has no key's form.
    """
    if key is not None:
        return Credential("the call", check_key(key.strip(), source="the call"))
    named, token_file = environment.get("WANDB_API_KEY"), environment.get("WANDB_IDENTITY_TOKEN_FILE")
    if named and token_file:
        raise Unauthenticated(
            "Both WANDB_API_KEY and WANDB_IDENTITY_TOKEN_FILE are set, which is not allowed; unset one"
        )
    if named:
        return Credential("WANDB_API_KEY", check_key(named.strip(), source="WANDB_API_KEY"))
    if token_file:
        return Credential("WANDB_IDENTITY_TOKEN_FILE", identity_token_file=Path(token_file).expanduser())
    if filed and "api_key" in filed:
        value, file = filed["api_key"]
        return Credential(file, check_key(value.strip(), source=file))
    if filed and "identity_token_file" in filed:
        value, file = filed["identity_token_file"]
        return Credential(file, identity_token_file=Path(value).expanduser())
    path = netrc_path(environment, home)
    kept = read_key(path, base_url)
    return None if kept is None else Credential(str(path), check_key(kept, source=str(path)))


def no_credential(base_url: str, *, app_url: str | None = None) -> Unauthenticated:
    """The error that says what to do when there is no key."""
    page = f"{(app_url or base_url).rstrip('/')}/authorize"
    return Unauthenticated(
        f"there is no API key for {base_url}: api_key not configured (no-tty). Fetch one at {page} and run "
        f"`kymograph login --host {base_url}`, or set WANDB_API_KEY; set WANDB_BASE_URL if another server is meant, or "
        "WANDB_MODE=offline to keep runs on this machine"
    )
