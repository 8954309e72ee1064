"""`kymograph admin`, on a data folder without a server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from kymograph.core.accounts import Role
from kymograph.errors import NameTaken, UserNotFound
from kymograph.testing.clock import ManualClock
from kymograph.testing.deployments import open_test_deployment
from kymograph.types import ObjectKey

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a data folder whose administrator exists; an error is raised as such."""
    monkeypatch.setenv("KYMOGRAPH_DATA", str(tmp_path))
    monkeypatch.setenv("KYMOGRAPH_PUBLIC_URL", "https://kymograph.test")
    with open_test_deployment(tmp_path, objects=(tmp_path / "objects").as_uri()):
        pass

    def run_(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, ["admin", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_


def signs_in(folder: Path, key: str) -> str:
    """Whom a key belongs to."""
    with open_test_deployment(folder) as opened:
        return opened.services.accounts.caller_of_key(key).user.username


def test_login_link_is_for_the_administrator_or_a_named_user(run: Run, tmp_path: Path) -> None:
    run("create-user", "ada")

    for arguments, username in (((), "admin"), (("ada",), "ada")):
        match = re.fullmatch(r"https://kymograph\.test/login/(\S+)\n", run("login-link", *arguments).stdout)
        assert match is not None
        with open_test_deployment(tmp_path) as opened:
            opened.clock.now = datetime.now(UTC)
            assert opened.services.accounts.sign_in_with_link(match[1]).caller.user.username == username


def test_login_link_for_nobody_is_refused(run: Run) -> None:
    with pytest.raises(UserNotFound, match="nobody"):
        run("login-link", "nobody")


def test_users_and_keys(run: Run, tmp_path: Path) -> None:
    first = run("create-user", "ada", "--email", "ada@example.org").stdout.strip()
    second = run("create-key", "ada").stdout.strip()

    assert first != second
    assert {signs_in(tmp_path, key) for key in (first, second)} == {"ada"}
    with open_test_deployment(tmp_path) as opened:
        user = opened.caller("ada").user
    assert (user.email, user.is_admin) == ("ada@example.org", False)
    with pytest.raises(UserNotFound):
        run("create-key", "nobody")


def test_teams_and_members(run: Run, tmp_path: Path) -> None:
    run("create-user", "ada")
    run("create-user", "grace")

    assert run("create-team", "vision", "--owner", "ada").stdout == "team vision created\n"
    assert run("add-member", "vision", "grace", "--role", "viewer").stdout == "grace is viewer of vision\n"

    with open_test_deployment(tmp_path) as opened:
        entity = opened.services.accounts.find_entity(opened.admin, "vision")
        assert entity is not None
        members = opened.services.accounts.members(opened.admin, entity)
    assert {member.user.username: member.role for member in members} == {"ada": Role.ADMIN, "grace": Role.VIEWER}
    with pytest.raises(NameTaken):
        run("create-team", "vision")
    assert run("add-member", "vision", "grace", "--role", "king").exit_code == 2


def test_organizations_have_teams_and_members(run: Run, tmp_path: Path) -> None:
    run("create-user", "ada")
    assert run("create-organization", "acme", "--owner", "ada").stdout == "organization acme created\n"
    assert run("create-team", "vision", "--organization", "acme").stdout == "team vision created\n"
    assert run("add-member", "acme", "admin", "--role", "member").stdout == "admin is member of acme\n"
    assert run("remove-member", "vision", "admin").stdout == "admin is no member of vision\n"

    with open_test_deployment(tmp_path) as opened:
        accounts = opened.services.accounts
        acme, vision = (accounts.find_entity(opened.admin, name) for name in ("acme", "vision"))
        assert acme is not None
        assert vision is not None
        members = accounts.members(opened.admin, acme)
        assert {member.user.username: member.role for member in members} == {"ada": Role.ADMIN, "admin": Role.MEMBER}
        assert accounts.members(opened.admin, vision) == []
        assert accounts.organization_of(vision) == acme
    with pytest.raises(UserNotFound):
        run("remove-member", "vision", "nobody")


def test_garbage_is_counted_then_collected(run: Run, tmp_path: Path) -> None:
    """The data are as a server left them three hours ago."""
    clock = ManualClock(datetime.now(UTC) - timedelta(hours=3))
    with open_test_deployment(tmp_path, clock=clock, objects=(tmp_path / "objects").as_uri()) as opened:
        made = opened.run("admin/p/r")
        opened.services.runs.delete(opened.admin, made.key)
        opened.objects.put_bytes(ObjectKey(f"runs/{made.key}/file"), b"12345")

    assert run("gc", "--dry-run").stdout == "1 runs, 1 objects, 5 bytes would go\n"
    assert run("gc").stdout == "1 runs, 1 objects, 5 bytes collected\n"
    assert run("gc").stdout == "0 runs, 0 objects, 0 bytes collected\n"


def test_first_key_is_shown_when_the_server_was_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KYMOGRAPH_ADMIN_API_KEY", raising=False)

    result = CliRunner().invoke(cli, ["admin", "create-user", "ada", "--data", str(tmp_path / "fresh")])

    match = re.fullmatch(r"API key of admin, shown only now: ([0-9a-f]{40})\n", result.stderr)
    assert match is not None
    assert signs_in(tmp_path / "fresh", match[1]) == "admin"
    assert signs_in(tmp_path / "fresh", result.stdout.strip()) == "ada"


def test_another_administrator_stands_in_for_one_that_was_removed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("create-user", "root", "--admin")
    with open_test_deployment(tmp_path) as opened:
        opened.services.accounts.delete_user(opened.caller("root"), "admin")
        monkeypatch.setattr(opened, "admin", None)

    assert run("create-team", "vision").stdout == "team vision created\n"
