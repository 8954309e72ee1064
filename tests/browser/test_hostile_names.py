"""A run whose every name is markup: nothing of it may run, anywhere on the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.artifacts import log_artifact, table_of, use_artifact
from tests.browser.compared_media import plain_image
from tests.browser.conftest import put_file
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY

MARKUP = "<img src=x onerror=window.__pwned=1>"
"""Without ``/`` and ``:``, so that it is valid as the name of anything."""
PROJECT = f"admin/{MARKUP}"
RUN = MARKUP
WATCH = """
window.__pwned = 0
window.__violations = []
document.addEventListener('securitypolicyviolation', (event) => {
  window.__violations.push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile)
})
"""


@pytest.fixture
def hostile_run(rest: Rest) -> str:
    """A run where everything that can be named is called `MARKUP`."""
    rest.create_run(
        PROJECT,
        RUN,
        displayName=MARKUP,
        notes=f"{MARKUP} [link](javascript:window.__pwned=1) **{MARKUP}**",
        tags=[MARKUP],
        groupName=MARKUP,
        config=json.dumps({MARKUP: {"value": MARKUP}, "nested": {"value": {MARKUP: [MARKUP]}}}),
    )
    rows = [
        json.dumps({"_step": step, MARKUP: step, f"{MARKUP}/{MARKUP}": step, "text": MARKUP, "nested": {MARKUP: step}})
        for step in range(20)
    ]
    media = {
        "_step": 20,
        f"media {MARKUP}": {"_type": "image-file", "path": f"media/{MARKUP}.png", "caption": MARKUP},
        f"page {MARKUP}": {"_type": "html-file", "path": f"media/html/{MARKUP}.html"},
    }
    structured = json.dumps(
        {"ts": "2026-11-22T04:36:49.760639", "label": MARKUP, "content": f"\x1b[31m{MARKUP}\x1b[0m"}
    )
    files = {
        "wandb-history.jsonl": {"offset": 0, "content": [*rows, json.dumps(media)]},
        "wandb-summary.json": {"offset": 0, "content": [json.dumps({MARKUP: MARKUP, "nested": {MARKUP: MARKUP}})]},
        "wandb-events.jsonl": {
            "offset": 0,
            "content": [json.dumps({"_timestamp": 1_790_000_000, "_runtime": 1, f"system.{MARKUP}": 1})],
        },
        "output.log": {"offset": 0, "content": [f"2026-11-22T04:29:05.261346 {MARKUP}", structured]},
    }
    response = rest.stream(PROJECT, RUN, {"files": files})
    assert response.status_code == 200, response.text
    put_file(rest, PROJECT, RUN, f"{MARKUP}/{MARKUP}.txt", MARKUP.encode())
    put_file(rest, PROJECT, RUN, f"media/html/{MARKUP}.html", f"<script>parent.__pwned=1</script>{MARKUP}".encode())
    put_file(rest, PROJECT, RUN, f"media/{MARKUP}.png", plain_image((0, 0, 0)))
    put_file(rest, PROJECT, RUN, "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="parent.__pwned=1"/>')
    put_file(rest, PROJECT, RUN, "wandb-metadata.json", json.dumps({"host": MARKUP, "program": MARKUP}).encode())
    return RUN


@pytest.fixture
def watched_page(context: BrowserContext) -> Iterator[Page]:
    """A signed-in page that notes violations of its security policy, and every complaint in its console."""
    context.add_init_script(WATCH)
    assert context.request.post("/api/v1/session", data={"api_key": ADMIN_KEY}).ok
    page = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield page
    assert complaints == []


def assert_harmless(page: Page) -> None:
    """Nothing ran, nothing was blocked, and no element was made of a name."""
    page.wait_for_timeout(300)
    assert page.evaluate("window.__pwned") == 0
    assert page.evaluate("window.__violations") == []
    assert page.locator("img[src=x]").count() == 0


def click_through(page: Page, tab: str) -> None:
    page.get_by_role("navigation", name="Parts of the run").get_by_role("link", name=tab).click()


def file_row(page: Page, ending: str) -> Locator:
    """The file with that ending; long names are shown in two pieces, so only the end is looked for."""
    return page.get_by_role("treeitem").filter(has=page.locator(f"[title$='{ending}']"))


@pytest.mark.usefixtures("hostile_run")
def test_project_list_and_workspace_show_markup_as_text(watched_page: Page) -> None:
    page = watched_page
    page.goto("/")
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    assert_harmless(page)

    page.get_by_text(MARKUP).first.click()
    expect(page.get_by_test_id("run-row").first).to_contain_text(MARKUP)
    expect(page.get_by_test_id("panel").first).to_be_visible()
    page.get_by_test_id("run-row").first.hover()
    page.get_by_test_id("panel").first.hover()
    assert_harmless(page)


@pytest.mark.usefixtures("hostile_run")
def test_run_page_shows_markup_as_text_on_every_tab(watched_page: Page) -> None:
    page = watched_page
    page.goto("/")
    page.get_by_text(MARKUP).first.click()
    page.get_by_test_id("run-row").first.get_by_role("link").click()
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    assert_harmless(page)

    for tab in ("Charts", "System"):
        click_through(page, tab)
        expect(page.get_by_test_id("panel").first).to_be_visible()
        page.get_by_test_id("panel").first.hover()
        assert_harmless(page)

    click_through(page, "Console")
    expect(page.get_by_test_id("console")).to_contain_text(MARKUP)
    assert_harmless(page)

    click_through(page, "Files")
    file_row(page, ".txt").click()
    expect(page.get_by_test_id("file-preview")).to_contain_text(MARKUP)
    assert_harmless(page)

    file_row(page, ".svg").click()
    expect(page.get_by_test_id("file-preview")).to_be_visible()
    assert_harmless(page)


@pytest.mark.usefixtures("hostile_run")
def test_media_page_shows_markup_as_text(watched_page: Page) -> None:
    page = watched_page
    page.goto("/")
    page.get_by_text(MARKUP).first.click()
    page.get_by_role("navigation", name="Pages of the project").get_by_role("link", name="Media").click()
    page.locator("[data-cell]").first.click()

    expect(page.get_by_role("rowheader").first).to_contain_text(MARKUP)
    expect(page.get_by_test_id("pair")).to_contain_text(MARKUP)
    assert_harmless(page)


@pytest.fixture
def hostile_artifact(rest: Rest, hostile_run: str) -> str:
    """An artifact where everything that can be named is called `MARKUP`."""
    files = {
        f"{MARKUP}/{MARKUP}.txt": MARKUP.encode(),
        f"{MARKUP}.table.json": table_of([MARKUP], [[MARKUP]]),
        "page.html": f"<script>parent.__pwned=1</script>{MARKUP}".encode(),
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="parent.__pwned=1"/>',
    }
    artifact = ""
    for content in (b"old", b"new"):
        artifact = log_artifact(
            rest,
            PROJECT,
            hostile_run,
            MARKUP,
            {**files, f"{MARKUP}.bin": content},
            type=MARKUP,
            aliases=[MARKUP],
            description=f"# {MARKUP}\n\n- {MARKUP}\n\n[{MARKUP}](javascript:window.__pwned=1) **{MARKUP}** `{MARKUP}`",
            metadata=json.dumps({MARKUP: {MARKUP: MARKUP}}),
        )
    use_artifact(rest, PROJECT, hostile_run, artifact)
    return artifact


@pytest.mark.usefixtures("hostile_artifact")
def test_artifact_pages_show_markup_as_text(watched_page: Page) -> None:
    page = watched_page
    page.goto("/")
    page.get_by_text(MARKUP).first.click()
    page.get_by_role("navigation", name="Pages of the project").get_by_role("link", name="Artifacts").click()
    for column in ("Collections", "Versions"):
        page.get_by_role("navigation", name=column).get_by_role("link").first.click()
    expect(page.locator(".markdown")).to_contain_text(MARKUP)
    assert page.locator(".markdown a").count() == 0, "a link that could run something"
    assert_harmless(page)

    parts = page.get_by_role("navigation", name="Parts of the version")
    parts.get_by_role("link", name="Files").click()
    page.locator("[role=treeitem][data-folder]").click()
    for ending in (".txt", ".table.json", ".svg", ".html"):
        file_row(page, ending).click()
        expect(page.get_by_test_id("file-preview")).to_be_visible()
        assert_harmless(page)

    for tab in ("Metadata", "Diff", "Used by", "Lineage"):
        parts.get_by_role("link", name=tab).click()
        expect(page.locator(".artifact-main").get_by_text("<img", exact=False).nth(1)).to_be_visible()
        assert_harmless(page)

    page.get_by_role("navigation", name="Pages of the project").get_by_role("link", name="Storage").click()
    expect(page.get_by_role("table", name="Collections by size")).to_contain_text(MARKUP)
    page.get_by_role("button", name="Clean up …").first.click()
    assert_harmless(page)


@pytest.mark.usefixtures("hostile_artifact")
def test_page_in_an_artifact_runs_in_a_sandbox(rest: Rest) -> None:
    collection = rest.get(f"/projects/{quote(PROJECT)}/artifacts/collections")["items"][0]["name"]
    path = f"/projects/{quote(PROJECT)}/artifacts/collections/{quote(collection)}/versions/v0/files/page.html"

    headers = rest.http.get(f"/api/v1{path}").headers

    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("hostile_run")
def test_logged_page_runs_in_a_sandbox_that_reaches_nothing(context: BrowserContext) -> None:
    context.add_init_script(WATCH)
    assert context.request.post("/api/v1/session", data={"api_key": ADMIN_KEY}).ok
    page = context.new_page()
    page.goto("/")
    page.get_by_text(MARKUP).first.click()
    page.get_by_test_id("run-row").first.get_by_role("link").click()
    click_through(page, "Files")

    file_row(page, ".html").click()
    page.get_by_role("button", name="Show it").click()

    frame = page.frame_locator("iframe")
    expect(frame.locator("img")).to_have_count(1)
    page.wait_for_timeout(300)
    assert page.evaluate("window.__pwned") == 0, "a logged page wrote into ours"
    inside = page.frames[-1]
    assert inside.evaluate("window.origin") == "null"
    with pytest.raises(PlaywrightError, match="cookie"):
        inside.evaluate("document.cookie")
    failed = inside.evaluate("fetch('/api/v1/session').then(() => 'reached', () => 'blocked')")
    assert failed == "blocked"
