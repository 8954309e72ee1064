"""The documentation works: its scripts run, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from kymograph.bucket.cli import cli as wabucket
from kymograph.cli.main import cli
from tests.e2e.client import NEWEST
from tests.e2e.fixtures import ClientFactory
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training

PROGRAMS: dict[str, click.Command] = {"kymograph": cli, "wabucket": wabucket}
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "changes").glob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^]]*]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced piece of code on a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page) if block.language == language]


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        body = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        yield Block(page, line, match["language"], body)


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of each command of a shell block; a line may chain several."""
    for line in block.text.replace("\\\n", " ").splitlines():
        for command in re.split(r"&&|\|\||;|\|", line.partition("# ")[0]):
            yield shlex.split(command)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_a_script_on_a_page_runs(
    block: Block, make_client: ClientFactory, server: ServerProcess, tmp_path: Path
) -> None:
    if "acme" in block.text:
        _make_organization(server)
    if "import wandb" in block.text:
        make_client(NEWEST).run(block.text)
    elif "import kymograph as wandb" in block.text:
        Training(tmp_path / "training", url=server.url).run(block.text)
    else:
        script = [sys.executable, "-W", "error", "-c", block.text]
        subprocess.run(script, cwd=tmp_path, check=True, capture_output=True, timeout=60)


def _make_organization(server: ServerProcess) -> None:
    """The organization of the page about registries, as its commands make it; once."""
    with server.rest() as rest:
        if rest.http.get("/api/v1/registries", params={"organization": "acme"}).is_error:
            rest.post("/admin/organizations", {"name": "acme", "owner": "admin"})
            rest.post("/admin/teams", {"name": "vision", "organization": "acme"})


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_our_commands_on_a_page_exist(block: Block) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in commands(block):
        if not words:
            continue
        program, *arguments = words
        if program == "make":
            targets = [word for word in arguments if "=" not in word]
            variables = [word.partition("=")[0] for word in arguments if "=" in word]
            assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets), words
            assert all(f"$({variable})" in makefile for variable in variables), words
        elif Path(program).name in PROGRAMS:
            assert unknown_words(PROGRAMS[Path(program).name], arguments) == [], words


def unknown_words(command: click.Command, arguments: list[str]) -> list[str]:
    """Return the words of a command line that name no command and no option of ours."""
    valued = {name for one in command.params if not getattr(one, "is_flag", True) for name in one.opts}
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = []
    is_value = False
    for position, word in enumerate(arguments):
        if is_value:
            is_value = False
        elif word.startswith("-") and word != "-":
            unknown += [] if word.partition("=")[0] in options | {"--help"} else [word]
            is_value = word in valued
        elif isinstance(command, click.Group):
            inner = command.get_command(click.Context(command), word)
            return [*unknown, word] if inner is None else [*unknown, *unknown_words(inner, arguments[position + 1 :])]
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [match["target"].partition("#")[0] for match in LINK.finditer(text)]

    missing = [
        target for target in targets if target and "://" not in target and not (page.parent / target).resolve().exists()
    ]

    assert missing == []


def test_names_on_the_page_of_the_architecture_stand_where_it_says() -> None:
    page = ROOT / "docs/architecture.md"
    named = re.findall(r"\[`([\w.]+)`]\(([^)]+)\)", page.read_text(encoding="utf-8"))

    wrong = [
        f"{name} is not in {target}"
        for name, target in named
        if (path := page.parent / target).is_file()
        and path.name != name
        and not all(re.search(rf"\b{part}\b", path.read_text(encoding="utf-8")) for part in name.split("."))
    ]

    assert len(named) > 20
    assert wrong == []
