"""One run's page: what it was, what it printed, what it saved."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.rest import Rest


def test_overview_shows_config_and_summary(page: Page, filled_project: str) -> None:
    page.goto(f"/{filled_project}/runs/run1")

    expect(page.get_by_text("name of run1").first).to_be_visible()
    expect(page.get_by_text("lr", exact=True).first).to_be_visible()
    expect(page.get_by_text("0.1", exact=True).first).to_be_visible()
    expect(page.get_by_text("train/loss").first).to_be_visible()


def test_console_has_colours_and_goes_on_while_the_run_prints(page: Page, rest: Rest, filled_project: str) -> None:
    page.goto(f"/{filled_project}/runs/run0")
    page.get_by_role("link", name="Console").click()

    console = page.get_by_test_id("console")
    expect(console).to_contain_text("first line")
    expect(console).to_contain_text("last line")
    expect(console.locator(".ansi-red")).to_have_text("red")
    expect(console.locator(".is-bold")).to_have_text("bold")
    expect(console.locator(".is-error")).to_have_text("last line")

    more = {"output.log": {"offset": 3, "content": ["2026-11-22T04:29:08.261346 one more line"]}}
    assert rest.stream(filled_project, "run0", {"files": more}).status_code == 200

    expect(console).to_contain_text("one more line")


def test_file_is_opened(page: Page, filled_project: str) -> None:
    page.goto(f"/{filled_project}/runs/run2")
    page.get_by_role("link", name="Files").click()

    page.get_by_role("treeitem", name="readme.txt").click()

    expect(page.get_by_test_id("file-preview")).to_contain_text("written by a test")
    page.reload()
    expect(page.get_by_test_id("file-preview")).to_contain_text("written by a test")


def test_absent_run_is_explained(page: Page, filled_project: str) -> None:
    page.goto(f"/{filled_project}/runs/absent")

    expect(page.get_by_role("alert").first).to_contain_text("absent")
