"""Lists that are read page by page, by who waits and by who awaits."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from kymograph.client.artifact_values import Page
from kymograph.client.async_transport import AsyncTransport
from kymograph.client.carriers import AsyncCarrier, Carrier
from kymograph.client.connection import Connection
from kymograph.client.operations import Operation, given
from kymograph.client.runs import RunClient
from kymograph.errors import UsageError
from kymograph.sdk.api.either import Async, Sync
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.settings import Settings

CONNECTION = Connection.of("http://host", "key")
NOWHERE = httpx.MockTransport(lambda _request: httpx.Response(500))


class Pages:
    """Ten numbers in pages of three; notes which pages were read."""

    def __init__(self, *, is_counted: bool = True) -> None:
        self.read: list[int] = []
        self._total = 10 if is_counted else None

    def __call__(self, cursor: str | None) -> Operation[Page[int]]:
        begin = int(cursor or 0)
        self.read.append(begin)
        items = list(range(begin, min(begin + 3, 10)))
        return given(Page(items, str(begin + 3) if begin + 3 < 10 else None, self._total))


def waiting() -> ApiSession[Sync]:
    return ApiSession(Carrier(RunClient(CONNECTION, inner=NOWHERE)), Settings(), base_url="", app_url="")


def awaiting() -> ApiSession[Async]:
    return ApiSession(AsyncCarrier(AsyncTransport(CONNECTION, inner=NOWHERE)), Settings(), base_url="", app_url="")


def test_as_much_is_read_as_is_gone_through() -> None:
    pages = Pages()
    numbers: Listing[Sync, int] = Listing(waiting(), pages)

    assert numbers[0] == 0
    assert numbers[:3] == [0, 1, 2]
    assert pages.read == [0]
    assert numbers[4] == 4
    assert (pages.read, numbers.more, numbers.cursor) == ([0, 3], True, "6")
    assert len(numbers) == 10
    assert pages.read == [0, 3]


def test_an_end_that_is_counted_from_behind_takes_all_pages() -> None:
    numbers: Listing[Sync, int] = Listing(waiting(), Pages())

    assert (numbers[-1], numbers[-3:-1], numbers[::-4]) == (9, [7, 8], [9, 5, 1])
    assert not numbers.more
    with pytest.raises(IndexError):
        numbers[10]


def test_a_list_is_gone_through_again_from_its_beginning() -> None:
    pages = Pages()
    numbers: Listing[Sync, int] = Listing(waiting(), pages)

    assert [list(numbers), list(numbers)] == [list(range(10))] * 2
    assert pages.read == [0, 3, 6, 9]
    assert list(Listing[Sync, int](waiting(), Pages(), start="6")) == [6, 7, 8, 9]


def test_a_length_that_is_not_told_is_counted() -> None:
    assert len(Listing[Sync, int](waiting(), Pages(is_counted=False))) == 10


def test_who_awaits_reads_the_same() -> None:
    async def main() -> None:
        pages = Pages()
        numbers: Listing[Async, int] = Listing(awaiting(), pages)

        assert await numbers.get(4) == 4
        assert await numbers.count() == 10
        assert pages.read == [0, 3]
        assert [number async for number in numbers] == list(range(10))
        assert [number async for number in numbers] == await numbers.read()
        with pytest.raises(UsageError, match="await count"):
            len(numbers)

    asyncio.run(main())
