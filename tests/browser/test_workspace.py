"""A project's page: charts that grow while a run logs, zoom, and runs that come and go."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, Response, expect

from tests.browser.panels import SeriesRequests, drag, expect_drawn, panel_of, series_header, wait_on_page
from tests.e2e.rest import Rest
from tests.e2e.server import wait_until


class SeriesEnds:
    """How far the series reach that a page has got."""

    def __init__(self, page: Page) -> None:
        self.last: float | None = None
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.url.endswith("/series") and response.ok and (found := series_header(response)["range"]):
            self.last = found[1]


def test_chart_grows_while_a_run_logs(page: Page, rest: Rest, project: str) -> None:
    rest.create_run(project, "live", displayName="live run")
    log(rest, project, 0, 10)
    page.goto(f"/{project}")
    panel = panel_of(page, "loss")
    expect_drawn(panel)
    ends = SeriesEnds(page)

    for first in range(10, 60, 10):
        log(rest, project, first, first + 10)
        page.wait_for_timeout(300)

    wait_on_page(page, lambda: ends.last == 59)
    expect_drawn(panel)


def test_new_run_is_announced_and_shown_without_a_reload(page: Page, rest: Rest, filled_project: str) -> None:
    with page.expect_response(re.compile(r"/live$")):
        page.goto(f"/{filled_project}")
    expect(page.get_by_test_id("run-row")).to_have_count(3)

    rest.create_run(filled_project, "late", displayName="late comer")
    expect(page.get_by_text("1 new run")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="show").click()

    expect(page.get_by_test_id("run-row")).to_have_count(4)
    expect(page.get_by_text("late comer").first).to_be_visible()


def test_a_page_asks_for_each_list_once(page: Page, filled_project: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(re.sub(r".*/api/v1|\?.*", "", request.url)))
    page.goto(f"/{filled_project}")
    expect_drawn(panel_of(page, "train/loss"))

    project = f"/projects/{filled_project}"
    for path in ("/session", f"{project}/runs", f"{project}/metrics"):
        assert asked.count(path) == 1, path


def test_drag_zooms_and_asks_for_that_range_only(page: Page, filled_project: str) -> None:
    page.goto(f"/{filled_project}")
    panel = panel_of(page, "train/loss")
    expect_drawn(panel)
    requests = SeriesRequests(page)

    drag(page, panel.locator(".u-over"), 0.25, 0.5)

    wait_on_page(page, lambda: len(requests.zooms()) > 0)
    asked = requests.zooms()[0]
    assert 30 < asked["min"] < 70
    assert 80 < asked["max"] < 120
    # The zoom is in the address, so a reload shows the same.
    page.wait_for_url(re.compile(r"[?&]xr="))
    page.reload()
    expect_drawn(panel)
    expect(page.get_by_role("button", name="Zoom", exact=False).first).to_be_visible()


def test_runs_are_hidden_and_shown(page: Page, filled_project: str) -> None:
    page.goto(f"/{filled_project}")
    expect_drawn(panel_of(page, "train/loss"))

    page.get_by_role("button", name="Hide name of run1").click()
    expect(page.get_by_role("button", name="Show name of run1")).to_have_attribute("aria-pressed", "false")

    page.get_by_role("button", name="Show name of run1").click()
    expect(page.get_by_role("button", name="Hide name of run1")).to_have_attribute("aria-pressed", "true")


def log(rest: Rest, project: str, first: int, end: int) -> None:
    """Send rows of the run `live`."""
    rows = [
        json.dumps({"_step": step, "_runtime": step, "_timestamp": 1_790_000_000 + step, "loss": 1 / (step + 1)})
        for step in range(first, end)
    ]
    body = {"files": {"wandb-history.jsonl": {"offset": first, "content": rows}}}
    assert rest.stream(project, "live", body).status_code == 200
    wait_until(lambda: rest.run(project, "live")["last_step"] == end - 1, what="the rows")
