"""What tests look at on a page: panels, their canvases, and what the page asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, Request, Response, expect


def panel_of(page: Page, metric: str) -> Locator:
    return page.locator(f'[data-testid="panel"][data-metric="{metric}"]')


def expect_drawn(panel: Locator) -> None:
    """The panel has its data and a canvas."""
    expect(panel).to_have_attribute("data-ready", "true")
    expect(panel.locator("canvas").first).to_be_visible()


def painted_pixels(panel: Locator) -> int:
    """Pixels of the panel's lines that are not empty."""
    count: int = panel.locator("canvas.chart-base").evaluate(
        """canvas => {
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
            let painted = 0
            for (let i = 3; i < data.length; i += 4) if (data[i] !== 0) painted++
            return painted
        }"""
    )
    return count


def drag(page: Page, plot: Locator, start: float, end: float) -> None:
    """Drag over a plot from one share of its width to another."""
    box = plot.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] * 0.5
    page.mouse.move(box["x"] + box["width"] * start, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=8)
    page.mouse.up()


def series_header(response: Response) -> Any:
    """The JSON part of a series answer in bytes."""
    content = response.body()
    assert content.startswith(b"KYS1"), content[:100]
    return json.loads(content[8 : 8 + int.from_bytes(content[4:8], "little")])


class SeriesRequests:
    """The requests for series that a page makes."""

    def __init__(self, page: Page) -> None:
        self.bodies: list[dict[str, Any]] = []
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.url.endswith("/series"):
            self.bodies.append(dict(request.post_data_json or {}))

    def zooms(self) -> list[dict[str, Any]]:
        """Those for a range that somebody chose, and not for what a run has added."""
        return [body for body in self.bodies if body["max"] is not None and body["width"] >= 50]


def wait_on_page(page: Page, look: Callable[[], bool], *, timeout_ms: int = 15_000) -> None:
    """Let the page go on until `look` says yes."""
    for _ in range(0, timeout_ms, 100):
        if look():
            return
        page.wait_for_timeout(100)
    raise AssertionError("the page did not get there")
