"""The reference is complete: what a user can set, call or run into stands on a page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from fastapi.routing import APIRoute

from kymograph import errors
from kymograph.cli.main import cli
from kymograph.server.settings import load_settings

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
    text = page("guide/cli.md")
    assert f"`{path}" in text

    section = text[text.index(f"`{path}") :]
    options = [name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts]

    assert [name for name in options if name.startswith("--") and f"`{name}" not in section] == []


def test_every_error_is_in_the_reference() -> None:
    kinds = [name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)]

    missing = [kind for kind in kinds if f"`{kind}`" not in page("reference/server.md")]

    assert missing == []


def test_every_endpoint_is_in_the_reference(app_routes: list[APIRoute]) -> None:
    text = page("reference/server.md") + page("reference/rest.md")
    plain = re.sub(r"\{[^}]*\}", "{}", text)
    missing = sorted({route.path for route in app_routes if re.sub(r"\{[^}]*\}", "{}", route.path) not in plain})

    assert missing == []
