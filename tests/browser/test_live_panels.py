"""Charts of runs that log: the page asks for what is new, and what is shown stays still."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.panels import SeriesRequests, drag, expect_drawn, panel_of, wait_on_page
from tests.e2e.rest import Rest

FIRST_STEPS = 4_000


class Training:
    """A run that logs when told to."""

    def __init__(self, rest: Rest, project: str, name: str) -> None:
        self._rest, self._project, self._name = rest, project, name
        self.step = 0
        rest.create_run(project, name, displayName=f"name of {name}")

    def log(self, count: int, *, loss: float | None = None, **body: object) -> None:
        rows = [
            json.dumps({"_step": step, "loss": loss if loss is not None else 1 + (step % 7) / 10})
            for step in range(self.step, self.step + count)
        ]
        files = {"wandb-history.jsonl": {"offset": self.step, "content": rows}}
        assert self._rest.stream(self._project, self._name, {"files": files, **body}).status_code == 200
        self.step += count


@pytest.fixture
def training(rest: Rest, project: str) -> Training:
    """A run with enough points for buckets, beside one that has ended."""
    ended = Training(rest, project, "ended")
    ended.log(FIRST_STEPS, complete=True, exitcode=0)
    running = Training(rest, project, "running")
    running.log(FIRST_STEPS)
    return running


@pytest.fixture
def open_page(page: Page, project: str, training: Training) -> Page:
    """The project's page once it is quiet."""
    with page.expect_response(re.compile(r"/live$")):
        page.goto(f"/{project}")
    expect_drawn(panel_of(page, "loss"))
    page.wait_for_timeout(1500)
    return page


def axis_end(page: Page) -> int:
    """The last step that the chart has room for."""
    label = panel_of(page, "loss").locator("figure").get_attribute("aria-label") or ""
    found = re.search(r"to step ([\d,]+)", label)
    assert found, label
    return int(found[1].replace(",", ""))


def foot(page: Page) -> str:
    return panel_of(page, "loss").locator(".panel-foot").inner_text()


def test_only_what_is_new_is_asked_for(open_page: Page, training: Training) -> None:
    requests = SeriesRequests(open_page)

    for _ in range(6):
        training.log(10)
        open_page.wait_for_timeout(500)
    expected = f"{FIRST_STEPS + training.step:,} points"
    wait_on_page(open_page, lambda: expected in foot(open_page))

    assert requests.bodies
    for body in requests.bodies:
        assert body["runs"] == ["running"]
        assert body["min"] > FIRST_STEPS * 0.9
        assert body["width"] < 20
    # At most two a second.
    assert len(requests.bodies) <= 10


def test_a_chart_is_never_empty_while_it_grows(open_page: Page, training: Training) -> None:
    open_page.evaluate(
        """() => {
            window.seen = []
            const look = () => {
                const canvas = document.querySelector('[data-metric="loss"] canvas.chart-base')
                const data = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data ?? []
                window.seen.push(data.some((value, i) => i % 4 === 3 && value > 0))
                if (window.seen.length < 400) requestAnimationFrame(look)
            }
            look()
        }"""
    )

    for _ in range(6):
        training.log(50)
        open_page.wait_for_timeout(400)

    seen = open_page.evaluate("window.seen")
    assert len(seen) > 20
    assert all(seen)


def test_the_axis_grows_ahead_of_the_data(open_page: Page, training: Training) -> None:
    assert axis_end(open_page) == FIRST_STEPS - 1

    training.log(100)
    wait_on_page(open_page, lambda: axis_end(open_page) > FIRST_STEPS)
    grown = axis_end(open_page)
    training.log(100)
    wait_on_page(open_page, lambda: f"{FIRST_STEPS + training.step:,} points" in foot(open_page))

    # 5 % more than was needed, and so no change for the next rows.
    assert grown == pytest.approx(1.05 * (FIRST_STEPS + 100), rel=0.01)
    assert axis_end(open_page) == grown


def test_a_zoomed_panel_stays_where_it_is(open_page: Page, training: Training) -> None:
    panel = panel_of(open_page, "loss")
    drag(open_page, panel.locator(".u-over"), 0.2, 0.6)
    open_page.wait_for_url(re.compile(r"xr="))
    expect_drawn(panel)
    open_page.mouse.move(10, 10)
    open_page.wait_for_timeout(500)
    before = panel.locator("figure").get_attribute("aria-label")
    address = open_page.url

    for _ in range(3):
        training.log(100, loss=50)
        open_page.wait_for_timeout(600)

    assert panel.locator("figure").get_attribute("aria-label") == before
    assert open_page.url == address


def test_older_steps_are_shown_when_a_run_ends(open_page: Page, training: Training, rest: Rest, project: str) -> None:
    late = [json.dumps({"_step": -step, "loss": 1.5}) for step in range(1, 101)]
    files = {"wandb-history.jsonl": {"offset": training.step, "content": late}}
    assert rest.stream(project, "running", {"files": files, "complete": True, "exitcode": 0}).status_code == 200

    wait_on_page(open_page, lambda: f"{2 * FIRST_STEPS + 100:,} points" in foot(open_page))
    expect(panel_of(open_page, "loss").locator("figure")).to_have_attribute("aria-label", re.compile("step −100"))


def test_a_run_that_begins_later_joins(open_page: Page, training: Training, rest: Rest, project: str) -> None:
    other = Training(rest, project, "other")
    expect(open_page.get_by_text("1 new run")).to_be_visible(timeout=15_000)
    open_page.get_by_role("button", name="show").click()
    training.log(5)
    open_page.wait_for_timeout(1000)

    other.log(50)

    wait_on_page(open_page, lambda: foot(open_page).startswith("3 runs"))
    assert f"{2 * FIRST_STEPS + 55:,} points" in foot(open_page)
