from __future__ import annotations

from kymograph.client.artifact_values import Page
from kymograph.sdk.artifacts.pages import Pages


class Source:
    """Numbers from 0 to 9 in pages of 4."""

    def __init__(self, *, tells_total: bool = True) -> None:
        self.reads = 0
        self._tells_total = tells_total

    def read(self, cursor: str | None) -> Page[int]:
        self.reads += 1
        start = int(cursor or 0)
        end = min(start + 4, 10)
        total = 10 if self._tells_total else None
        return Page(list(range(start, end)), str(end) if end < 10 else None, total)


def test_pages_are_read_as_they_are_needed() -> None:
    source = Source()
    pages = Pages(source.read, str)

    assert [pages[0], pages[3]] == ["0", "3"]
    assert (source.reads, pages.more, pages.cursor) == (1, True, "4")
    assert list(pages) == [str(number) for number in range(10)]
    assert (source.reads, pages.more) == (3, False)
    assert list(pages) == [str(number) for number in range(10)]


def test_the_length_is_what_the_server_tells_or_what_there_is() -> None:
    told, counted = Source(), Source(tells_total=False)

    assert (len(Pages(told.read, str)), told.reads) == (10, 1)
    assert (len(Pages(counted.read, str)), counted.reads) == (10, 3)


def test_a_list_goes_on_after_a_cursor() -> None:
    assert list(Pages(Source().read, str, start="8")) == ["8", "9"]


def test_slices_and_places_from_the_end_read_what_they_need() -> None:
    pages = Pages(Source().read, str)

    assert pages[2:5] == ["2", "3", "4"]
    assert pages[-1] == "9"
