"""A run with more metrics than a page holds: the catalogue comes in pages, and the server searches it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.rest import Rest

COUNT = 3_500
PANELS = '[data-testid="panel"]'


class CatalogueRequests:
    """What a page asks of catalogues."""

    def __init__(self, page: Page) -> None:
        self.queries: list[str] = []
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if found := re.search(r"/metrics\?(.*)", request.url):
            self.queries.append(found[1])


@pytest.fixture
def wide_run(rest: Rest, project: str) -> str:
    """The address of a run with `COUNT` metrics in 35 sections."""
    rest.create_run(project, "wide", displayName="wide run")
    values = {f"layer{number // 100}/norm.{number}": number for number in range(COUNT)}
    rows = [json.dumps({"_step": step, **values}) for step in range(2)]
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}, "complete": True, "exitcode": 0}
    assert rest.stream(project, "wide", body).status_code == 200
    return f"/{project}"


def test_only_a_page_of_the_catalogue_is_loaded(page: Page, wide_run: str) -> None:
    requests = CatalogueRequests(page)
    page.goto(wide_run)
    expect(page.locator(PANELS).first).to_have_attribute("data-ready", "true")

    expect(page.locator(PANELS)).to_have_count(1000)
    expect(page.get_by_text("3,500 metrics", exact=True)).to_be_visible()
    assert requests.queries == ["limit=1000"]


def test_scrolling_loads_more_up_to_a_bound(page: Page, wide_run: str) -> None:
    page.goto(wide_run)
    expect(page.locator(PANELS)).to_have_count(1000)
    scroller = page.locator("[data-scroller]").first

    for expected in (2000, 3000):
        scroller.evaluate("node => node.scrollTo(0, node.scrollHeight)")
        expect(page.locator(PANELS)).to_have_count(expected)
    scroller.evaluate("node => node.scrollTo(0, node.scrollHeight)")
    expect(page.get_by_text("3,000 of 3,500 metrics are loaded.")).to_be_visible()

    page.get_by_role("button", name="Load the next 1,000").click()
    expect(page.locator(PANELS)).to_have_count(3500)


def test_a_search_finds_what_is_not_loaded(page: Page, wide_run: str) -> None:
    requests = CatalogueRequests(page)
    page.goto(wide_run)
    expect(page.locator(PANELS)).to_have_count(1000)

    page.get_by_label("Find panels").fill("norm.349[0-4]$")
    expect(page.locator(PANELS)).to_have_count(5)
    expect(page.get_by_text("5 metrics found")).to_be_visible()
    expect(page.locator(f'{PANELS}[data-metric="layer34/norm.3494"]')).to_have_attribute("data-ready", "true")
    assert any("regex=" in query for query in requests.queries)

    page.get_by_label("Find panels").fill("norm.(")
    expect(page.get_by_text("No panel matches")).to_be_visible()


def test_a_key_to_sort_by_is_found_among_those_not_loaded(page: Page, wide_run: str) -> None:
    page.goto(wide_run)
    expect(page.locator(PANELS)).to_have_count(1000)

    page.get_by_role("button", name="Sort runs").click()
    page.get_by_label("Find a key").fill("norm.3333")
    page.get_by_role("menuitemradio", name="layer33/norm.3333").click()

    page.wait_for_url(re.compile(r"sort=.*norm\.3333"))
