"""The media page: runs beside each other at one step, and two images in detail."""

from __future__ import annotations

import io
import json
import re
import zipfile
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.compared_media import EDGE, MediaRun, image_of, plain_image, tone
from tests.browser.panels import wait_on_page
from tests.e2e.rest import Rest

RED, BLUE = (200, 30, 30), (30, 30, 200)
LAST = 100


@pytest.fixture
def compared(rest: Rest, project: str) -> str:
    """Three runs: `dense` logs images every 10 steps, `sparse` every 50, `other` only a table, audio and a page."""
    dense = MediaRun(rest, project, "dense")
    for step in range(0, LAST + 1, 10):
        dense.log(step, epoch=step // 50)
        dense.log_images(
            step, "samples", [plain_image((step, 30, 30)), plain_image(RED)], [f"first at {step}", "a red one"]
        )
    sparse = MediaRun(rest, project, "sparse")
    for step in range(0, LAST + 1, 50):
        sparse.log(step, epoch=step // 50)
        half = image_of(lambda x, y: RED if x < EDGE // 2 else BLUE)
        sparse.log_images(step, "samples", [plain_image(BLUE), half], ["plain", "half red"])
    other = MediaRun(rest, project, "other")
    table = {"columns": ["animal", "score"], "data": [["cat", 1], ["dog", 2]]}
    other.log_file(0, "table", "table-file", "table.json", json.dumps(table).encode(), nrows=2, ncols=2)
    other.log_file(0, "sound", "audio-file", "wav", tone(440))
    other.log_file(0, "report", "html-file", "html", b"<h1>report of a run</h1>")
    for run in (dense, sparse, other):
        run.send()
    return project


def media_url(project: str, **query: str) -> str:
    given = {"runs": "dense,sparse", "keys": "samples"} | query
    return f"/{project}/media?" + "&".join(f"{key}={value}" for key, value in given.items())


def cell(page: Page, run: str, index: int = 0, key: str = "samples") -> Locator:
    return page.locator(f'[data-cell][data-run="{run}"][data-key="{key}"][data-index="{index}"]')


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Step", exact=True)


def expect_step(page: Page, step: int) -> None:
    """The slider stands there, and the media of that step are shown."""
    expect(slider(page)).to_have_attribute("aria-valuenow", str(step))
    expect(page.get_by_test_id("media-grid")).to_have_attribute("data-place", str(step))


def expect_loaded(image: Locator) -> None:
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("node => node.naturalWidth") == EDGE


def address(page: Page) -> dict[str, str]:
    return {key: value for key, (value,) in parse_qs(urlsplit(page.url).query).items()}


def test_page_opens_on_the_newest_runs_with_media(page: Page, compared: str) -> None:
    """Without a choice it makes one, shows their last step, and says the choice in the address."""
    page.goto(f"/{compared}/media")

    expect_step(page, LAST)
    page.wait_for_url(re.compile(r"runs="))
    assert set(address(page)["runs"].split(",")) == {"dense", "sparse"}
    for run in ("dense", "sparse"):
        expect_loaded(cell(page, run).locator("img"))


def test_runs_are_chosen_from_the_workspace_and_on_the_page(page: Page, compared: str) -> None:
    page.goto(f"/{compared}")
    page.get_by_test_id("run-row").filter(has_text="name of dense").hover()
    page.keyboard.press("x")
    page.get_by_role("button", name="Compare media").click()

    expect(cell(page, "dense")).to_be_visible()
    expect(cell(page, "sparse")).to_have_count(0)

    page.get_by_label("Find runs").fill("spar")
    page.get_by_role("region", name="All runs").get_by_text("name of sparse").click()
    expect(cell(page, "sparse")).to_be_visible()
    assert address(page)["runs"] == "dense,sparse"

    page.get_by_role("region", name="Compared runs").get_by_role("button", name="Remove name of dense").click()
    expect(cell(page, "dense")).to_have_count(0)
    page.go_back()
    expect(cell(page, "dense")).to_be_visible()


def test_slider_snaps_to_steps_with_media_and_its_step_is_a_link(page: Page, compared: str) -> None:
    page.goto(media_url(compared))
    expect_step(page, LAST)
    box = slider(page).bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 14)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.32, box["y"] + 14, steps=5)
    page.mouse.up()

    expect_step(page, 30)
    expect(cell(page, "dense")).to_have_accessible_name(re.compile("first at 30"))
    page.wait_for_url(re.compile(r"step=30"))
    page.reload()
    expect_step(page, 30)


def test_a_run_without_media_at_the_step_shows_its_last_ones_and_says_so(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="70"))
    expect_step(page, 70)

    expect(page.get_by_role("rowheader").filter(has_text="name of sparse")).to_contain_text("step 50")
    expect(page.get_by_label("shows an earlier step")).to_have_count(1)

    page.get_by_role("button", name="Fill gaps").click()
    expect(cell(page, "sparse")).to_have_count(0)
    expect(page.get_by_text("Nothing at 70")).to_be_visible()
    expect(cell(page, "dense")).to_be_visible()


def test_step_0_is_a_step(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="0"))

    expect_step(page, 0)
    expect(page.get_by_label("has media at this step")).to_have_count(2)
    expect(page.get_by_label("Step number: goes to the nearest")).to_have_value("0")


def test_step_field_goes_to_the_nearest_step(page: Page, compared: str) -> None:
    page.goto(media_url(compared))
    field = page.get_by_label("Step number: goes to the nearest")

    field.fill("44")
    field.press("Enter")

    expect_step(page, 40)
    expect(field).to_have_value("40")


def test_slider_goes_by_another_metric(page: Page, compared: str) -> None:
    page.goto(media_url(compared))
    expect_step(page, LAST)

    page.get_by_role("button", name="Slide by").click()
    page.get_by_role("menuitemradio", name="epoch").click()

    expect(slider(page)).to_have_attribute("aria-valuemax", "2")
    expect_step(page, 2)
    slider(page).press("ArrowLeft")
    expect_step(page, 1)
    expect(cell(page, "dense")).to_have_accessible_name(re.compile("first at 90"))


def test_keyboard_steps_jumps_and_assigns(page: Page, compared: str) -> None:
    page.goto(media_url(compared))
    expect_step(page, LAST)

    page.keyboard.press("ArrowLeft")
    expect_step(page, 90)
    page.keyboard.press("Shift+ArrowLeft")
    expect_step(page, 0)
    page.keyboard.press("ArrowRight")
    expect_step(page, 10)

    cell(page, "dense", 1).focus()
    page.keyboard.press("a")
    page.keyboard.press("]")
    expect(cell(page, "sparse", 1)).to_be_focused()
    panel = page.get_by_test_id("pair")
    expect(panel.get_by_role("button", name="Keys act on A")).to_be_visible()
    expect(panel).to_contain_text("name of sparse")
    page.keyboard.press("[")
    expect(cell(page, "dense", 1)).to_be_focused()
    cell(page, "sparse", 1).focus()
    page.keyboard.press("b")
    expect(panel.get_by_role("img")).to_have_count(2)

    page.keyboard.press("o")
    expect(panel.get_by_role("button", name="Split")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard and mouse")).to_contain_text("Side by side, split")


def test_click_fills_a_shift_click_b_and_a_click_begins_again(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="50"))
    expect_step(page, 50)
    grid_width = page.get_by_test_id("media-grid").evaluate("node => node.clientWidth")

    cell(page, "dense").click()
    cell(page, "sparse").click(modifiers=["Shift"])
    panel = page.get_by_test_id("pair")
    images = panel.get_by_role("img")
    expect(images).to_have_count(2)
    for place in range(2):
        box = images.nth(place).bounding_box()
        assert box is not None
        assert box["width"] <= EDGE, "larger than the image itself"
    assert page.get_by_test_id("media-grid").evaluate("node => node.clientWidth") == grid_width, "the grid moved"
    assert (address(page)["a"], address(page)["b"]) == ("dense,samples,0", "sparse,samples,0")

    cell(page, "sparse").click()
    expect(images).to_have_count(1)
    assert "b" not in address(page)


def test_overlay_splits_blends_and_subtracts(page: Page, compared: str) -> None:
    """A is red, B is red in its left half: half of the pixels differ."""
    page.goto(media_url(compared, step="50", a="dense,samples,1", b="sparse,samples,1", mode="split"))
    panel = page.get_by_test_id("pair")
    divider = panel.get_by_role("slider", name="Where A ends and B begins")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    divider.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuenow", "45")
    box = divider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 12, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 12 - EDGE * 0.2, box["y"] + 10)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "25")

    page.keyboard.press("o")
    over = panel.locator(".pair-over")
    expect(over).to_have_css("opacity", "0.25")
    panel.get_by_label("From A to B").fill("1")
    expect(over).to_have_css("opacity", "1")
    page.wait_for_url(re.compile(r"mode=blend.*mix=1"))

    panel.get_by_role("button", name="Difference").click()
    expect(panel.get_by_text("50 % of the pixels differ")).to_be_visible()
    corners = panel.locator("canvas").evaluate(
        """canvas => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')
            copy.drawImage(canvas, 0, 0)
            const at = (x) => [...copy.getImageData(x, 1, 1, 1).data].slice(0, 3)
            return [at(0), at(canvas.width - 1)]
        }"""
    )
    assert corners == [[0, 0, 0], [170, 0, 170]]


def test_zoom_and_pan_are_shared_by_all_images(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="50", a="dense,samples,1", b="sparse,samples,1"))
    images = page.locator(".media-image, .pair-image")
    expect(images).to_have_count(6)

    page.keyboard.press("+")
    scales = "nodes => [...new Set(nodes.map(node => getComputedStyle(node).transform))]"
    wait_on_page(page, lambda: images.evaluate_all(scales) == ["matrix(1.5, 0, 0, 1.5, 0, 0)"])
    target = cell(page, "dense", 1).bounding_box()
    assert target is not None
    page.mouse.move(target["x"] + 20, target["y"] + 20)
    page.keyboard.down("Alt")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Alt")
    page.wait_for_url(re.compile(r"zoom=2\.7"))
    before = images.first.evaluate("node => getComputedStyle(node).transformOrigin")
    page.mouse.down()
    page.mouse.move(target["x"] + 60, target["y"] + 40)
    page.mouse.up()
    assert images.first.evaluate("node => getComputedStyle(node).transformOrigin") != before
    assert address(page)["a"] == "dense,samples,1", "panning was taken for a click"

    page.keyboard.press("0")
    wait_on_page(page, lambda: images.evaluate_all(scales) == ["none"])


def test_a_slot_keeps_its_step_while_the_other_follows(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="20", a="dense,samples,0", b="dense,samples,1"))
    panel = page.get_by_test_id("pair")
    panel.get_by_role("button", name="Keep A at this step").click()
    expect(panel.get_by_role("button", name="Let A follow the slider")).to_be_visible()

    page.keyboard.press("ArrowRight")

    expect_step(page, 30)
    expect(panel).to_contain_text("first at 20")
    expect(panel.locator(".pair-slot").nth(1)).to_contain_text("step 30")


def test_other_media_have_players_and_previews(page: Page, compared: str) -> None:
    page.goto(media_url(compared, runs="other", keys="table,sound,report", step="0"))
    expect(page.locator("audio")).to_have_count(1)
    expect(cell(page, "other", key="table")).to_contain_text("2 × 2")

    cell(page, "other", key="table").click()
    cell(page, "other", key="report").click(modifiers=["Shift"])

    panel = page.get_by_test_id("pair")
    expect(panel.get_by_role("cell", name="dog")).to_be_visible()
    panel.get_by_role("button", name="Show it").click()
    expect(panel.frame_locator("iframe").get_by_text("report of a run")).to_be_visible()
    expect(panel.get_by_role("button", name="Blend")).to_be_disabled()


def test_media_are_downloaded_as_one_archive(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="70"))
    expect_step(page, 70)

    page.get_by_role("button", name="Download as zip").click()
    with page.expect_download() as found:
        page.get_by_role("menuitem", name="Media of this step").click()

    archive = zipfile.ZipFile(io.BytesIO(found.value.path().read_bytes()))
    images = [name for name in archive.namelist() if name.endswith(".png")]
    assert sorted(images) == [
        "dense/media/images/samples_70_0.png",
        "dense/media/images/samples_70_1.png",
        "sparse/media/images/samples_50_0.png",
        "sparse/media/images/samples_50_1.png",
    ]


def test_what_is_not_there_is_said(page: Page, compared: str) -> None:
    page.goto(media_url(compared, runs="dense,nobody", keys="samples,nothing"))
    expect(cell(page, "dense")).to_be_visible()
    expect(page.get_by_text("nobody is not there")).to_be_visible()
    expect(page.get_by_text("Never logged")).to_be_visible()

    page.goto(f"/{compared}/media?runs=")
    expect(page.get_by_role("heading", name="No runs chosen")).to_be_visible()
    page.goto("/admin/no-such-project/media")
    expect(page.get_by_role("alert")).to_contain_text("This project could not be opened")


def test_columns_show_one_run_each(page: Page, compared: str) -> None:
    page.goto(media_url(compared, step="70"))
    expect_step(page, 70)

    page.get_by_role("button", name="Layout").click()
    page.get_by_role("menuitemradio", name="A column a run").click()

    expect(page.get_by_role("columnheader")).to_have_text(["name of dense", "name of sparse"])
    tops = [cell(page, run, 1).bounding_box() for run in ("dense", "sparse")]
    assert tops[0] is not None
    assert tops[1] is not None
    assert tops[0]["y"] == tops[1]["y"]
    expect(page.get_by_text("step 50")).to_have_count(2)


def test_the_next_step_is_loaded_ahead(page: Page, compared: str) -> None:
    """Going on by one step asks for no image that is not there yet."""
    loaded: list[str] = []
    page.on("requestfinished", lambda request: loaded.append(request.url))
    page.goto(media_url(compared, runs="dense", step="50"))
    expect_step(page, 50)

    for step in (40, 60):
        wait_on_page(page, lambda step=step: any(f"samples_{step}_0.png" in url for url in loaded))  # type: ignore[misc]
