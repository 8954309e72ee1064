"""The bus within one process."""

from __future__ import annotations

from kymograph.core.live import LiveEvent, LiveKind
from kymograph.services.live import LocalLiveBus
from kymograph.types import ProjectId, RunId


def event(project: int = 1, **details: int) -> LiveEvent:
    return LiveEvent(ProjectId(project), RunId("r"), LiveKind.HISTORY, dict(details))


def test_listeners_hear_of_their_project_until_they_leave() -> None:
    bus = LocalLiveBus()
    first: list[LiveEvent] = []
    second: list[LiveEvent] = []
    leave = bus.subscribe(ProjectId(1), first.append)
    bus.subscribe(ProjectId(1), second.append)

    bus.publish(event(1))
    bus.publish(event(2))
    leave()
    leave()
    bus.publish(event(1, step=2))

    assert first == [event(1)]
    assert second == [event(1), event(1, step=2)]


def test_listener_may_leave_while_it_is_told() -> None:
    bus = LocalLiveBus()
    heard: list[LiveEvent] = []

    def once(found: LiveEvent) -> None:
        heard.append(found)
        leave()

    leave = bus.subscribe(ProjectId(1), once)
    bus.publish(event())
    bus.publish(event())
    bus.close()

    assert heard == [event()]


def test_merged_event_has_the_newest_of_each_detail() -> None:
    assert event(step=1, lines=5).merge(event(step=2)) == event(step=2, lines=5)
