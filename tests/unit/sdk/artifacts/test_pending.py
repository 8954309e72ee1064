"""Versions that are waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kymograph.errors import MalformedRequest, Unreachable, WaitTimeoutError
from kymograph.sdk.artifacts.pending import look_until
from kymograph.sdk.artifacts.version import ServerVersion
from tests.unit.sdk.artifacts.version_server import ARTIFACT_ID, VersionServer


class Clock:
    """Stands still but for those who sleep."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def version(tmp_path: Path) -> ServerVersion:
    session = VersionServer({}).session(tmp_path)
    return ServerVersion.of_source(session, session.artifacts.get(ARTIFACT_ID))


def answers(*given: ServerVersion | Exception | None) -> Callable[[], ServerVersion | None]:
    left: Iterator[ServerVersion | Exception | None] = iter(given)

    def look() -> ServerVersion | None:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look


def test_a_server_that_is_away_is_asked_again(version: ServerVersion) -> None:
    clock = Clock()
    look = answers(
        Unreachable("http://server", problem="gone"), None, Unreachable("http://server", problem="gone"), version
    )

    assert look_until(look, deadline=None, now=clock.now, sleep=clock.sleep) is version
    assert clock.now_s > 0


def test_what_is_not_there_in_time_is_a_timeout() -> None:
    clock = Clock()

    with pytest.raises(WaitTimeoutError):
        look_until(lambda: None, deadline=10.0, now=clock.now, sleep=clock.sleep)

    assert 5.0 < clock.now_s <= 10.0


def test_a_refusal_is_not_waited_out() -> None:
    clock = Clock()

    with pytest.raises(MalformedRequest):
        look_until(answers(MalformedRequest("no")), deadline=None, now=clock.now, sleep=clock.sleep)

    assert clock.now_s == 0
