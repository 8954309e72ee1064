"""Links to a comparison: made and revoked on the media page, opened by people without an account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.compared_media import MediaRun, plain_image, tone
from tests.browser.conftest import SIZE, TIMEOUT_MS
from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess


@pytest.fixture
def compared(rest: Rest, project: str) -> str:
    """Two runs with images, a table and a sound; the sound is never shared."""
    for number, run in enumerate(("left", "right")):
        made = MediaRun(rest, project, run)
        for step in (0, 10, 20):
            made.log(step, epoch=step // 10)
            made.log_images(step, "samples", [plain_image((step * 10, 90 * number, 60))])
            table = {"columns": ["animal"], "data": [[f"cat {step}"]]}
            made.log_file(step, "table", "table-file", "table.json", json.dumps(table).encode(), nrows=1, ncols=1)
            made.log_file(step, "sound", "audio-file", "wav", tone(440))
        made.send()
    return project


@pytest.fixture
def guest(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A window of somebody who has no account, in which nothing goes wrong unseen."""
    context = browser.new_context(base_url=server.url, viewport=SIZE)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def make_link(page: Page, project: str, **query: str) -> str:
    """Shares what an address shows; leaves the dialog open."""
    given = {"runs": "left,right", "keys": "samples,table"} | query
    page.goto(f"/{project}/media?" + "&".join(f"{key}={value}" for key, value in given.items()))
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    return page.get_by_test_id("share-url").inner_text()


def cell(page: Page, run: str, key: str = "samples") -> str:
    return f'[data-cell][data-run="{run}"][data-key="{key}"]'


def expect_step(page: Page, step: int) -> None:
    expect(page.get_by_test_id("media-grid")).to_have_attribute("data-place", str(step))


def test_guest_sees_what_was_shared_as_it_was_shown(page: Page, guest: Page, compared: str) -> None:
    asked: list[Request] = []
    guest.on("request", lambda request: asked.append(request))

    guest.goto(make_link(page, compared, step="10", layout="columns"))

    expect_step(guest, 10)
    expect(guest.locator(cell(guest, "left")).locator("img")).to_have_js_property("complete", True)
    expect(guest.get_by_text("Shared, read-only")).to_be_visible()
    expect(guest.locator(cell(guest, "left", "sound"))).to_have_count(0)
    for name in ("Share", "Charts", re.compile("^Remove"), "Clear"):
        expect(guest.get_by_role("button", name=name)).to_have_count(0)
    expect(guest.get_by_role("complementary").get_by_role("link")).to_have_count(0)
    api = {urlsplit(request.url).path.split("/")[3] for request in asked if "/api/" in request.url}
    assert api == {"shared"}, "it asked for more than the link is good for"


def test_runs_that_are_not_there_are_left_out(page: Page, guest: Page, compared: str) -> None:
    guest.goto(make_link(page, compared, runs="left,never-made"))

    expect_step(guest, 20)
    expect(guest.get_by_text("1 run", exact=True).first).to_be_visible()
    expect(guest.get_by_text("is not there")).to_have_count(0)


def test_guest_slides_and_opens_media(page: Page, guest: Page, compared: str) -> None:
    guest.goto(make_link(page, compared))

    expect_step(guest, 20)
    guest.keyboard.press("ArrowLeft")
    expect_step(guest, 10)
    guest.locator(cell(guest, "right", "table")).click()
    expect(guest.get_by_text("cat 10")).to_be_visible()
    with guest.expect_download() as download:
        guest.get_by_role("button", name="Download as zip").click()
        guest.get_by_role("menuitem", name="Media of this step").click()
    assert download.value.suggested_filename == "media.zip"
    guest.get_by_role("checkbox", name="table").uncheck()
    expect(guest.locator(cell(guest, "right", "table"))).to_have_count(0)
    guest.reload()
    expect_step(guest, 10)


def test_guest_slides_by_the_axis_that_was_shared(page: Page, guest: Page, compared: str) -> None:
    guest.goto(make_link(page, compared, x="epoch", step="1"))

    expect_step(guest, 1)
    guest.get_by_role("button", name="Slide by").click()
    expect(guest.get_by_role("menuitemradio")).to_have_text(["step", "epoch"])
    guest.get_by_role("menuitemradio", name="step").click()
    expect_step(guest, 20)


def test_other_runs_in_the_address_change_nothing(page: Page, guest: Page, compared: str) -> None:
    link = make_link(page, compared, runs="left", keys="samples")

    guest.goto(f"{link}?runs=right&keys=sound,samples&x=loss")

    expect_step(guest, 20)
    expect(guest.locator("[data-cell]")).to_have_count(1)
    expect(guest.locator(cell(guest, "left"))).to_be_visible()


def test_revoked_link_says_so(page: Page, guest: Page, compared: str) -> None:
    link = make_link(page, compared)
    guest.goto(link)
    expect_step(guest, 20)

    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)

    for address in (link, f"{link}x", "/share/never-made"):
        guest.goto(address)
        expect(guest.get_by_text("This link does not open")).to_be_visible()
    assert urlsplit(guest.url).path.startswith("/share/"), "nobody is sent to sign in"


def test_dialog_offers_how_long_a_link_opens(page: Page, compared: str) -> None:
    page.goto(f"/{compared}/media?runs=left&keys=samples")
    page.get_by_role("button", name="Share").click()

    expect(page.get_by_label("Opens for")).to_have_value("30")
    page.get_by_label("Opens for").select_option("1 day")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_test_id("share-url")).to_contain_text("/share/")
    expect(page.get_by_role("listitem").filter(has_text="1 run · samples")).to_be_visible()
