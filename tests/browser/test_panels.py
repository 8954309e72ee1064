"""What a panel shows and says: every point or exact buckets, values that are no numbers, what could not be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.panels import SeriesRequests, drag, expect_drawn, painted_pixels, panel_of, wait_on_page
from tests.e2e.rest import Rest

FIXTURES = Path(__file__).parents[2] / "web" / "tests" / "fixtures"
STEPS = 5_000


@pytest.fixture
def long_run(rest: Rest, project: str) -> str:
    """A project with a run of more points than a panel has pixels, with NaN, +Inf and a metric logged rarely."""
    rest.create_run(project, "long", displayName="long run")
    rows = []
    for step in range(STEPS):
        values = {"_step": step, "loss": 1 / (step + 1), "bad": 1.5}
        if step % 100 == 0:
            values["rare"] = step + 0.1
        row = json.dumps(values)
        rows.append(row.replace('"bad": 1.5', '"bad": NaN') if step >= 4_900 else row)
    rows[70] = rows[70].replace('"bad": 1.5', '"bad": Infinity')
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}, "complete": True, "exitcode": 0}
    assert rest.stream(project, "long", body).status_code == 200
    return project


def test_a_panel_says_how_many_points_it_shows(page: Page, long_run: str) -> None:
    requests = SeriesRequests(page)
    page.goto(f"/{long_run}")

    expect_drawn(panel_of(page, "rare"))
    expect(panel_of(page, "rare").locator(".panel-foot")).to_contain_text("1 run · 50 points, all shown")
    expect_drawn(panel_of(page, "loss"))
    width = requests.bodies[0]["width"]
    # One bucket per pixel of the plot.
    box = panel_of(page, "loss").locator(".u-over").bounding_box()
    assert box is not None
    assert box["width"] <= width <= box["width"] + 50
    expect(panel_of(page, "loss").locator(".panel-foot")).to_contain_text(
        f"1 run · 5,000 points · {width} buckets · min–max exact"
    )


def test_values_that_are_no_numbers_are_counted_and_named(page: Page, long_run: str) -> None:
    page.goto(f"/{long_run}")
    panel = panel_of(page, "bad")
    expect_drawn(panel)

    panel.get_by_role("button", name="100 NaN, 1 +Inf in 1 run").click()

    expect(page.get_by_role("menuitem", name="long run")).to_contain_text("100 NaN, 1 +Inf from step 70")


def test_a_zoom_shows_what_is_there_until_the_exact_data_come(page: Page, long_run: str) -> None:
    page.goto(f"/{long_run}")
    panel = panel_of(page, "loss")
    expect_drawn(panel)
    held: list[Route] = []
    page.route("**/series", lambda route: held.append(route))

    drag(page, panel.locator(".u-over"), 0.05, 0.5)
    wait_on_page(page, lambda: len(held) > 0)

    expect(panel).to_have_attribute("data-ready", "false")
    assert painted_pixels(panel) > 100
    for route in held:
        route.continue_()
    page.unroute("**/series")
    expect_drawn(panel)


def test_a_zoom_that_is_overtaken_is_given_up(page: Page, long_run: str) -> None:
    page.goto(f"/{long_run}")
    panel = panel_of(page, "loss")
    expect_drawn(panel)
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.failure or ""))
    held: list[Route] = []
    waiting = True
    page.route("**/series", lambda route: held.append(route) if waiting else route.continue_())

    drag(page, panel.locator(".u-over"), 0.2, 0.8)
    wait_on_page(page, lambda: len(held) > 0)
    waiting = False
    drag(page, panel.locator(".u-over"), 0.3, 0.7)

    wait_on_page(page, lambda: len(failed) > 0)
    assert "ABORTED" in failed[0]
    expect_drawn(panel)


def test_a_deep_zoom_shows_every_point(page: Page, long_run: str) -> None:
    page.goto(f"/{long_run}?xr=1000..1100")
    expect_drawn(panel_of(page, "loss"))

    expect(panel_of(page, "loss").locator(".panel-foot")).to_contain_text("1 run · 101 points, all shown")


def test_the_wheel_zooms_at_once_and_asks_when_it_pauses(page: Page, long_run: str) -> None:
    page.goto(f"/{long_run}")
    panel = panel_of(page, "loss")
    expect_drawn(panel)
    requests = SeriesRequests(page)
    plot = panel.locator(".u-over")
    plot.hover()

    page.keyboard.down("Alt")
    for _ in range(8):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Alt")
    wait_on_page(page, lambda: len(requests.zooms()) > 0)
    page.wait_for_timeout(500)

    zooms = {(body["min"], body["max"]) for body in requests.zooms() if body["metrics"] == ["loss"]}
    # Fewer than turns of the wheel; how many depends on how busy the machine is.
    assert 1 <= len(zooms) < 8
    assert "xr=" in page.url


def test_what_could_not_be_read_is_hatched_and_named(page: Page, rest: Rest, project: str) -> None:
    rest.create_run(project, "a1", displayName="damaged run")
    rows = [json.dumps({"_step": step, "train/loss": 1}) for step in (0, 9999)]
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}, "complete": True, "exitcode": 0}
    assert rest.stream(project, "a1", body).status_code == 200
    answer = (FIXTURES / "series-damaged.json").read_text()
    page.route("**/series", lambda route: route.fulfill(body=answer, content_type="application/json"))
    page.goto(f"/{project}")
    panel = panel_of(page, "train/loss")
    expect_drawn(panel)

    panel.get_by_role("button", name="What could not be read").click()
    sentence = "Steps 4,000–4,999 could not be read: segment checksum (history/7/a1/segment-0004.parquet)"
    expect(page.get_by_role("dialog", name="What could not be read")).to_contain_text(sentence)

    page.keyboard.press("Escape")
    box = panel.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + 20)
    expect(page.get_by_test_id("chart-tooltip")).to_contain_text("Steps 4,000–4,999 of damaged run could not be read")


def test_export_is_exact_whatever_the_chart_holds(page: Page, long_run: str) -> None:
    page.goto(f"/{long_run}?xr=0..2")
    panel = panel_of(page, "loss")
    expect_drawn(panel)
    panel.hover()
    panel.get_by_role("button", name="Panel loss").click()

    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export CSV").click()

    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "run,name,step,mean,min,max"
    assert [line.split(",")[2:4] for line in lines[1:]] == [["0", "1"], ["1", "0.5"], ["2", "0.3333333333333333"]]
