"""The reference is complete: what a user can set, call or run into stands on a page."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from kymograph import errors
from kymograph.cli.main import cli
from kymograph.server.app import create_app
from kymograph.server.deps import open_deployment
from kymograph.server.settings import load_settings
from kymograph.wire.errors import STATUS_BY_ERROR

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


class Recorder(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def variables_in_source() -> set[str]:
    found = set()
    for path in (ROOT / "src/kymograph").rglob("*.py"):
        found.update(re.findall(r"\bKYMOGRAPH_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    return found


def test_every_setting_is_on_the_page_of_the_server() -> None:
    environment = Recorder()
    load_settings(environment)
    names = environment.asked | variables_in_source()

    missing = [name for name in sorted(names) if f"`{name}`" not in page("guide/server.md")]

    assert len(names) >= 6
    assert missing == []


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from walk(inner, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), list(walk(cli, "kymograph")), ids=lambda value: str(value))
def test_every_command_and_option_is_on_the_page_of_the_command_line(path: str, command: click.Command) -> None:
    sections = dict(re.findall(r"^#+ (.+)\n((?:(?!#).*\n)*)", page("guide/cli.md"), re.MULTILINE))
    section = sections["The command line" if path == "kymograph" else f"`{path}`"]
    options = [name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts]

    assert [name for name in options if name.startswith("--") and not re.search(rf"[ `]{name}[ `]", section)] == []


def test_every_error_is_in_the_reference_with_its_status() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| (\d{3}) \|", page("reference/server.md"), re.MULTILINE))
    kinds = {
        name: str(next((status for family, status in STATUS_BY_ERROR if issubclass(kind, family)), 500))
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.KymographError)
    }

    assert rows == kinds


def test_every_endpoint_is_in_the_reference_with_its_methods(tmp_path: Path) -> None:
    deployment = open_deployment(load_settings({}, data=str(tmp_path)))
    try:
        served = methods_by_path(create_app(deployment))
    finally:
        deployment.close()
    listed = methods_on_page(page("reference/server.md"))

    assert listed == {path: methods for path, methods in served.items() if path != "/{}"}


def methods_by_path(app: FastAPI) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for route in iter_route_contexts(app.routes):
        if route.path and route.methods:
            found[re.sub(r"\{[^}]*\}", "{}", route.path)] |= route.methods - {"HEAD"}
    return dict(found)


def methods_on_page(text: str) -> dict[str, set[str]]:
    """Return what the tables list: paths in the first column, methods in the second."""
    found = {}
    for cells in re.findall(r"^\| (`/[^|]*) \| ([A-Z, ]+) \|", text, re.MULTILINE):
        for path in re.findall(r"`([^`]+)`", cells[0]):
            found[re.sub(r"\{[^}]*\}", "{}", path)] = set(cells[1].split(", "))
    return found
