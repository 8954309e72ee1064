"""Take the pictures of the documentation from a running demo.

    make demo                     # in one terminal; wait until all runs have arrived
    .venv/bin/python tools/screenshots.py http://127.0.0.1:8080 API_KEY docs/images

Needs Chromium (`tools/chromium.sh`) and Playwright, which the test dependencies bring.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

SIZE = {"width": 1440, "height": 900}
SETTLE_MS = 1500
"""After the network fell silent: fonts and charts have drawn."""


def sign_in(address: str, api_key: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the session and the browser's cookies for it."""
    with httpx.Client(base_url=address) as http:
        session = http.post("/api/v1/session", json={"api_key": api_key})
        session.raise_for_status()
        cookies = [{"name": name, "value": value, "url": address} for name, value in http.cookies.items()]
    return session.json(), cookies


def newest_run(address: str, api_key: str, project: str, name: str) -> str:
    """Return the id of the run with a name."""
    answer = httpx.get(
        f"{address}/api/v1/projects/{project}/runs", params={"q": name}, headers={"Authorization": f"Bearer {api_key}"}
    )
    answer.raise_for_status()
    return next(str(run["id"]) for run in answer.json()["items"] if run["name"] == name)


def shoot(browser: Browser, url: str, path: Path, *, scheme: str, cookies: list[Any]) -> None:
    """Take one picture."""
    context = browser.new_context(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=path)
    context.close()
    print(f"{path}: {path.stat().st_size // 1000} kB")


def main() -> None:
    """Parse the command line and take the pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation from a running demo.")
    parser.add_argument("address")
    parser.add_argument("api_key")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()

    session, cookies = sign_in(options.address, options.api_key)
    project = f"{session['user']['default_entity']}/digits"
    run = newest_run(options.address, options.api_key, project, "lr-range-test")
    pages = {"project": f"/{project}", "run": f"/{project}/runs/{run}/charts"}
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            for name, path in pages.items():
                picture = options.folder / f"{name}{'' if scheme == 'light' else '-dark'}.png"
                shoot(browser, options.address + path, picture, scheme=scheme, cookies=cookies)
        browser.close()


if __name__ == "__main__":
    main()
