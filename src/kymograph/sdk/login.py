"""Signing in: finding a key or asking for one, checking it, and keeping it for next time.

A key is kept in netrc and for this process in memory; never in its environment.

Source: protocol.md §1.5; seeds.md E.6.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kymograph.client.addresses import check_base_url
from kymograph.client.connection import Connection
from kymograph.client.credentials import Credential, check_key, find_credential, key_problem, no_credential
from kymograph.client.netrc_file import netrc_path, write_key
from kymograph.client.settings_files import change_settings_file
from kymograph.errors import Unauthenticated, UsageError
from kymograph.sdk.notices import PREFIX, Voice
from kymograph.sdk.settings_sources import load_settings

if TYPE_CHECKING:
    from kymograph.client.graphql import Viewer
    from kymograph.sdk.settings import Settings

_session: dict[str, Credential] = {}
"""Credentials that were given in this process, by server."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where people are asked."""

    is_interactive: Callable[[], bool]
    ask: Callable[[str, float | None], str]
    """Shows a text and gives the answer, which is not shown while it is typed; the limit is in s.

    Raises `TimeoutError`.
    """


def login(
    key: str | None = None,
    relogin: bool | None = None,
    host: str | None = None,
    force: bool | None = None,
    timeout: float | None = None,
    verify: bool = False,
    referrer: str | None = None,
    prompt: bool = True,
    anonymous: str | None = None,
    *,
    settings: Settings | None = None,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
    terminal: Terminal | None = None,
    find_viewer: Callable[[Connection], Viewer] | None = None,
) -> bool:
    """Sign in to a server.

    Args:
        key: The key. Default: one that is known already, else somebody is asked.
        relogin: Ask for a key though there is one.
        host: Address of the server; kept as the one to use from here on.
        force: Do not offer to go on without one.
        timeout: How long to wait for an answer, in s.
        verify: Ask the server whose key it is.
        referrer: Does nothing; accepted for old scripts.
        prompt: Whether somebody may be asked.
        anonymous: Does nothing; accepted for old scripts.
        settings: Instead of those that hold in this process.
        environment: Instead of that of the process.
        home: Of the user.
        terminal: Instead of that of the process.
        find_viewer: Asks a server whose key it is.

    Returns:
        Whether there is a key now; false if somebody chose to go on without, or in a mode that needs none.

    Raises:
        Unauthenticated: There is none and nobody to ask, or it is none, or the server does not take it.
        Unreachable: The server does not answer; only with `verify`.
    """
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    if "IPython" in sys.modules:
        from kymograph.sdk.magic import register_here

        register_here()
    if settings is None:
        settings = load_settings(environment=environment, home=home)
    voice = Voice.of(settings)
    if settings.is_disabled or settings.is_offline:
        if settings.is_offline:
            voice.warn("in offline mode nobody is signed in; `kymograph online` ends it")
        return False
    base_url = check_base_url(host, setting="host") if host else settings.base_url

    asks = settings.relogin if relogin is None else relogin
    credential = _known(base_url, key, settings, environment, home) if key is not None or not asks else None
    is_new = key is not None
    if credential is None:
        if not prompt:
            return False
        forced = settings.force if force is None else force
        typed = _ask(base_url, settings, terminal or _terminal(), force=forced, timeout_s=timeout)
        if typed is None:
            voice.tell("going on without a key: runs stay on this machine until `kymograph sync`")
            return False
        credential, is_new = Credential("the terminal", typed), True
    viewer = None
    if verify:
        viewer = (find_viewer or _ask_server)(Connection.from_settings(settings, base_url, credential))
    if is_new and credential.api_key is not None:
        _session[base_url] = credential
        _keep(base_url, credential.api_key, environment, home, voice)
    if host:
        _keep_host(base_url, settings, voice)
    _greet(base_url, viewer, credential, voice)
    return True


def ensure_configured(
    settings: Settings,
    *,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
    terminal: Terminal | None = None,
) -> Credential:
    """The credential for the server that settings mean, asking for one if there is none.

    Args:
        settings: Of a run.
        environment: Instead of that of the process.
        home: Of the user.
        terminal: Instead of that of the process.

    Raises:
        Unauthenticated: There is none, and nobody to ask or nobody who gave one.
    """
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    known = _known(settings.base_url, None, settings, environment, home)
    if known is None and login(
        settings=settings, environment=environment, home=home, terminal=terminal, timeout=settings.login_timeout
    ):
        known = _known(settings.base_url, None, settings, environment, home)
    if known is None:
        raise no_credential(settings.base_url, app_url=settings.app_url)
    return known


def connection_of(settings: Settings, base_url: str | None = None) -> Connection:
    """How to reach the server that settings mean, or another one, and as whom.

    Args:
        settings: Of a run or a command.
        base_url: Instead of theirs. A key that is set is for the server that is set: of another, only netrc knows.

    Raises:
        Unauthenticated: There is no credential, and nobody to ask for one.
    """
    if base_url is None or base_url == settings.base_url:
        return Connection.from_settings(settings, settings.base_url, ensure_configured(settings))
    credential = _known(base_url, None, settings, os.environ, Path.home())
    if credential is None:
        raise no_credential(base_url)
    return Connection.from_settings(settings, base_url, credential)


def refused(settings: Settings, problem: Unauthenticated) -> Unauthenticated:
    """The error that says what to do about a credential that the server of a run does not take."""
    source = ensure_configured(settings).source
    told = str(problem).partition(";")[0]  # what to do, we know better than the server
    return Unauthenticated(
        f"{settings.base_url} does not take the API key from {source}: {told}\n"
        f"Fetch yours at {settings.app_url}/authorize and run `kymograph login --relogin --host {settings.base_url}`; "
        "set WANDB_BASE_URL if another server is meant, or WANDB_MODE=offline to keep runs on this machine"
    )


def _known(
    base_url: str, key: str | None, settings: Settings, environment: Mapping[str, str], home: Path
) -> Credential | None:
    if key is None and base_url in _session:
        return _session[base_url]
    filed = {}
    if base_url == settings.base_url:  # a key that is set is for the server that is set, and no other may see it
        for name in ("api_key", "identity_token_file"):
            value = getattr(settings, name)
            if value is not None:
                (explained,) = settings.explain(name)
                filed[name] = (str(value), str(explained.origin))
    else:
        environment = {name: value for name, value in environment.items() if name == "NETRC"}
    return find_credential(base_url, key=key, environment=environment, home=home, filed=filed)


def _ask_server(connection: Connection) -> Viewer:
    from kymograph.client.graphql import GraphqlTransport

    with GraphqlTransport(connection) as transport:
        return transport.viewer()


def _ask(base_url: str, settings: Settings, terminal: Terminal, *, force: bool, timeout_s: float | None) -> str | None:
    """A key that somebody types; None if nobody wants to.

    Raises:
        Unauthenticated: There is nobody to ask, or no answer came.
    """
    app_url = settings.app_url if base_url == settings.base_url else base_url
    if not terminal.is_interactive():
        raise no_credential(base_url, app_url=app_url)
    voice = Voice.of(settings)
    voice.tell(f"signing in to {base_url}. You find your API key at {app_url}/authorize")
    ending = "" if force else ", or nothing to keep runs on this machine"
    while True:
        try:
            key = terminal.ask(f"{PREFIX}paste your API key and press Enter{ending}: ", timeout_s).strip()
        except TimeoutError as exc:
            raise Unauthenticated(f"nobody gave an API key for {base_url} within {timeout_s:g} s") from exc
        if not key and not force:
            return None
        problem = key_problem(key)
        if problem is None:
            return key
        voice.complain(f"Invalid API key: {problem}")


def _keep(base_url: str, key: str, environment: Mapping[str, str], home: Path, voice: Voice) -> None:
    path = netrc_path(environment, home)
    try:
        write_key(path, base_url, check_key(key, source="the call"))
    except UsageError as exc:
        voice.warn(str(exc))


def _keep_host(base_url: str, settings: Settings, voice: Voice) -> None:
    """Make a server the one to use, in the user's file; that of this folder would win, and is cleared of another."""
    try:
        change_settings_file(Path(settings.settings_system or ""), {"base_url": base_url})
        (explained,) = settings.explain("base_url")
        if explained.origin.source.name == "WORKSPACE" and explained.value != base_url:
            change_settings_file(Path(explained.origin.detail), {"base_url": None})
    except UsageError as exc:
        voice.warn(str(exc))


def _greet(base_url: str, viewer: Viewer | None, credential: Credential, voice: Voice) -> None:
    if viewer is None:
        voice.chat(f"the API key for {base_url} comes from {credential.source}; `kymograph login --verify` checks it")
        return
    teams = f" ({', '.join(viewer.teams)})" if viewer.teams else ""
    voice.chat(f"Currently logged in as: {viewer.username}{teams} to {base_url}")


def _terminal() -> Terminal:
    def is_interactive() -> bool:
        try:
            return sys.stdin.isatty() and sys.stderr.isatty()
        except (AttributeError, ValueError):  # none, or closed
            return False

    return Terminal(is_interactive, _read_hidden)


def _read_hidden(text: str, limit_s: float | None) -> str:
    import getpass

    if limit_s is None or sys.platform == "win32":
        return getpass.getpass(text)
    import select

    # Only waiting for the first line: the terminal hands over whole lines.
    print(text, end="", file=sys.stderr, flush=True)
    ready, _, _ = select.select([sys.stdin], [], [], limit_s)
    if not ready:
        raise TimeoutError
    return sys.stdin.readline()


def forget_session() -> None:
    """Forget keys that were given in this process; for tests."""
    _session.clear()
