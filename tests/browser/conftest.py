"""Chromium on the real page of a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess

SIZE = ViewportSize(width=1440, height=900)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
STATIC = Path(__file__).parents[2] / "src" / "kymograph" / "server" / "static" / "index.html"
TIMEOUT_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module.

    Not of a worker: Playwright's event loop runs until the fixture ends, and beside it no async test of another module
    can start one.
    """
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "there is no Chromium; run `make browser`"
    assert STATIC.is_file(), "the page is not built; run `make web`"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser, server: ServerProcess) -> Iterator[BrowserContext]:
    """A window without any session."""
    opened = browser.new_context(base_url=server.url, viewport=SIZE)
    opened.set_default_timeout(TIMEOUT_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A signed-in page."""
    answer = context.request.post("/api/v1/session", data={"api_key": ADMIN_KEY})
    assert answer.ok, answer.text()
    return context.new_page()


@pytest.fixture
def filled_project(rest: Rest, project: str) -> str:
    """A project with three runs of 200 steps, a console and a file each."""
    for number in range(3):
        fill_run(rest, project, f"run{number}", factor=number + 1)
    return project


def fill_run(rest: Rest, project: str, run: str, *, factor: int) -> None:
    """One finished run, sent as a client would."""
    rest.create_run(project, run, displayName=f"name of {run}", config='{"lr": {"value": 0.1}}')
    rows = [
        f'{{"_step": {step}, "_runtime": {step}, "_timestamp": {1_790_000_000 + step}, '
        f'"train/loss": {factor / (step + 1)}, "train/accuracy": {step / 200}}}'
        for step in range(200)
    ]
    console = [
        "2026-11-22T04:29:05.261346 first line",
        "2026-11-22T04:29:06.261346 \x1b[31mred\x1b[0m and \x1b[1mbold\x1b[0m",
        "ERROR 2026-11-22T04:29:07.261346 last line",
    ]
    files = {
        "wandb-history.jsonl": {"offset": 0, "content": rows},
        "output.log": {"offset": 0, "content": console},
        "wandb-summary.json": {"offset": 0, "content": [f'{{"train/loss": {factor / 200}}}']},
    }
    assert rest.stream(project, run, {"files": files, "complete": True, "exitcode": 0}).status_code == 200
    put_file(rest, project, run, "notes/readme.txt", b"written by a test")


def put_file(rest: Rest, project: str, run: str, name: str, content: bytes) -> None:
    """Upload a run file as a client would."""
    entity, project_name = project.split("/")
    data = rest.graphql(
        "mutation ($e: String!, $p: String!, $r: String!, $files: [String!]!) { createRunFiles(input: "
        "{entityName: $e, projectName: $p, runName: $r, files: $files}) { files { uploadUrl } } }",
        e=entity,
        p=project_name,
        r=run,
        files=[name],
    )
    url = data["createRunFiles"]["files"][0]["uploadUrl"]
    assert rest.http.put(url, content=content).status_code == 200
