"""Signing in: by the link that the server prints, by key, and not at all."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, expect

from tests.e2e.server import ADMIN_KEY, ServerProcess


def test_link_from_the_terminal_signs_in_once(context: BrowserContext, own_server: ServerProcess) -> None:
    link = re.search(rf"{own_server.url}/login/\S+", own_server.read_log())
    assert link, own_server.read_log()
    page = context.new_page()

    page.goto(link[0])
    expect(page).to_have_url(f"{own_server.url}/")
    expect(page.get_by_label("API key")).to_have_count(0)

    context.clear_cookies()
    page.goto(link[0])
    expect(page.get_by_role("alert")).to_contain_text("used already")


def test_wrong_key_is_explained_and_the_right_one_leads_back(context: BrowserContext, filled_project: str) -> None:
    page = context.new_page()
    page.goto(f"/{filled_project}")

    page.get_by_label("API key").fill("f" * 40)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")

    page.get_by_label("API key").fill(ADMIN_KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/{filled_project}$"))
    expect(page.get_by_test_id("run-row")).to_have_count(3)
