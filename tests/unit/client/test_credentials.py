"""Who asks: keys and tokens, wherever they are."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from kymograph.client.credentials import Credential, find_credential, key_problem, no_credential
from kymograph.client.netrc_file import machine_of, netrc_path, read_key, write_key
from kymograph.errors import Unauthenticated, UsageError

KEY = "0123456789abcdef0123456789abcdef01234567"
URL = "http://host:8080"


def find(home: Path, url: str = URL, key: str | None = None, **environment: str) -> Credential | None:
    return find_credential(url, key=key, environment=environment, home=home)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (KEY, None),
        ("x" * 86, None),
        (f"local-{KEY}", None),
        ("aaa.bbb-_.ccc", None),
        ("", "API key is empty."),
        ("short", "API key must have 40+ characters, has 5."),
        (f"{KEY} ", "API key may only contain the letters A-Z, digits and underscores."),
        (f"prefix-{KEY[:-1]}", "API key must have 40+ characters, has 39."),
        (f"{KEY}é", "API key may only contain the letters A-Z, digits and underscores."),
    ],
)
def test_the_form_of_keys(key: str, problem: str | None) -> None:
    assert key_problem(key) == problem


def test_the_call_wins_over_variables_over_files_over_netrc(tmp_path: Path) -> None:
    write_key(tmp_path / ".netrc", URL, "n" * 40)
    filed = {"api_key": ("f" * 40, "the file")}

    def key(**arguments: object) -> str | None:
        found = find_credential(URL, home=tmp_path, **arguments)  # type: ignore[arg-type]
        return None if found is None else found.api_key

    assert key(key="c" * 40, environment={"WANDB_API_KEY": "v" * 40}, filed=filed) == "c" * 40
    assert key(environment={"WANDB_API_KEY": "v" * 40}, filed=filed) == "v" * 40
    assert key(environment={}, filed=filed) == "f" * 40
    assert key(environment={}) == "n" * 40
    assert find(tmp_path / "other") is None


def test_an_identity_token_is_named_by_its_file(tmp_path: Path) -> None:
    found = find(tmp_path, WANDB_IDENTITY_TOKEN_FILE="/run/token")

    assert found == Credential("WANDB_IDENTITY_TOKEN_FILE", identity_token_file=Path("/run/token"))
    assert found.authorization() is None
    with pytest.raises(Unauthenticated, match="Both WANDB_API_KEY and WANDB_IDENTITY_TOKEN_FILE"):
        find(tmp_path, WANDB_IDENTITY_TOKEN_FILE="/run/token", WANDB_API_KEY=KEY)


def test_a_key_that_is_none_is_refused_with_where_it_comes_from_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated, match=r"has 6\. It comes from WANDB_API_KEY") as caught:
        find(tmp_path, WANDB_API_KEY="secret")

    assert "secret" not in str(caught.value)
    assert KEY not in repr(find(tmp_path, WANDB_API_KEY=KEY))


def test_without_a_key_is_said_what_to_do() -> None:
    said = str(no_credential(URL, app_url="http://pages/"))

    for part in (
        "api_key not configured (no-tty)",
        "http://pages/authorize",
        "WANDB_API_KEY",
        f"--host {URL}",
        "offline",
    ):
        assert part in said


def test_keys_are_found_by_host_and_port(tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text(f"machine host login user password {'a' * 40}\nmachine host:8080 login user password {'b' * 40}\n")

    assert read_key(path, "http://host:8080") == "b" * 40
    assert read_key(path, "http://host:9090/path") == "a" * 40
    assert read_key(path, "https://elsewhere") is None
    assert machine_of("http://user:pass@host:80/x") == "host:80"


def test_the_default_entry_is_not_meant_for_us(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"default login me password {KEY}\n")

    assert read_key(tmp_path / "netrc", URL) is None


def test_writing_keeps_every_other_line(tmp_path: Path) -> None:
    path = tmp_path / ".netrc"
    others = '# mine\nmachine other\n  login me\n  password "a b"\n'
    path.write_text(f"{others}machine host:8080\n  login user\n  password old\nmachine last login x password y\n")
    write_key(path, URL, KEY)
    write_key(path, "http://second", KEY)
    write_key(path, URL, KEY)

    text = path.read_text()
    assert text.startswith(others)
    assert "machine last login x password y" in text
    assert "old" not in text
    assert text.count("machine host:8080") == 1
    assert read_key(path, URL) == read_key(path, "http://second") == KEY


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_owner_reads_a_netrc_file(tmp_path: Path) -> None:
    path = tmp_path / ".netrc"
    path.write_text("")
    path.chmod(0o644)
    write_key(path, URL, KEY)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_netrc_file_behind_a_link_stays_there(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    (tmp_path / ".netrc").symlink_to(tmp_path / "real")
    write_key(tmp_path / ".netrc", URL, KEY)

    assert (tmp_path / ".netrc").is_symlink()
    assert KEY in (tmp_path / "real").read_text()


def test_a_netrc_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="WANDB_API_KEY"):
        write_key(tmp_path / "file" / "netrc", URL, KEY)


def test_which_netrc_file(tmp_path: Path) -> None:
    assert netrc_path({"NETRC": str(tmp_path / "x")}, tmp_path) == tmp_path / "x"
    assert netrc_path({}, tmp_path) == tmp_path / ("_netrc" if os.name == "nt" else ".netrc")
    (tmp_path / "_netrc").touch()
    assert netrc_path({}, tmp_path) == tmp_path / "_netrc"
