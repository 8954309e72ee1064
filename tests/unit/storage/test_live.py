"""Live events between processes, on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

import psycopg
import pytest

from kymograph.core.live import LiveEvent, LiveKind
from kymograph.storage.live import CHANNEL, MAX_PAYLOAD_BYTES, PostgresLiveBus, _pack, _unpack
from kymograph.testing.databases import PostgresServer
from kymograph.types import JsonObject, ProjectId, RunId

PROJECT = ProjectId(7)
TIMEOUT_S = 10.0

OpenBus = Callable[[], PostgresLiveBus]


@pytest.fixture(scope="module")
def url(postgres: PostgresServer) -> str:
    return postgres.create_empty()


@pytest.fixture
def open_bus(url: str) -> Iterator[OpenBus]:
    """Opens buses as replicas would; all are closed at the end."""
    opened: list[PostgresLiveBus] = []

    def open_() -> PostgresLiveBus:
        bus = PostgresLiveBus(url)
        opened.append(bus)
        assert bus.wait_until_listening(TIMEOUT_S)
        return bus

    yield open_
    for bus in opened:
        bus.close()


def event(run: str = "r1", kind: LiveKind = LiveKind.HISTORY, **details: int) -> LiveEvent:
    return LiveEvent(PROJECT, RunId(run), kind, dict(details))


def test_event_reaches_listeners_of_both_processes_once(open_bus: OpenBus) -> None:
    here, there = open_bus(), open_bus()
    heard_here: SimpleQueue[LiveEvent] = SimpleQueue()
    heard_there: SimpleQueue[LiveEvent] = SimpleQueue()
    here.subscribe(PROJECT, heard_here.put)
    there.subscribe(PROJECT, heard_there.put)

    here.publish(event(last_step=3))

    assert heard_there.get(timeout=TIMEOUT_S) == event(last_step=3)
    assert heard_here.get(timeout=TIMEOUT_S) == event(last_step=3)
    with pytest.raises(Empty):
        heard_here.get(timeout=0.3)  # its own message comes back from the database, and is not told again


def test_listener_hears_of_its_own_project_only_and_until_it_leaves(open_bus: OpenBus) -> None:
    here, there = open_bus(), open_bus()
    heard: SimpleQueue[LiveEvent] = SimpleQueue()
    leave = there.subscribe(PROJECT, heard.put)
    there.subscribe(ProjectId(8), heard.put)()

    here.publish(LiveEvent(ProjectId(8), RunId("other"), LiveKind.RUN))
    here.publish(event())
    assert heard.get(timeout=TIMEOUT_S) == event()
    leave()
    leave()
    here.publish(event("r2"))

    with pytest.raises(Empty):
        heard.get(timeout=0.3)


def test_burst_arrives_merged_and_ends_with_the_newest_details(open_bus: OpenBus) -> None:
    here, there = open_bus(), open_bus()
    heard: SimpleQueue[LiveEvent] = SimpleQueue()
    there.subscribe(PROJECT, heard.put)

    for step in range(2000):
        here.publish(event(last_step=step, lines=step + 1))

    count = 0
    while True:
        last = heard.get(timeout=TIMEOUT_S)
        count += 1
        if last.details["last_step"] == 1999:
            break
    assert last.details == {"last_step": 1999, "lines": 2000}
    assert count < 200


def test_publishing_does_not_wait_for_a_database_that_is_away() -> None:
    """Port 9 refuses: nobody listens there."""
    bus = PostgresLiveBus("postgresql://nobody@127.0.0.1:9/none")
    heard: SimpleQueue[LiveEvent] = SimpleQueue()
    bus.subscribe(PROJECT, heard.put)

    began = time.perf_counter()
    for step in range(1000):
        bus.publish(event(f"r{step}"))
    took_s = time.perf_counter() - began
    bus.close()

    assert took_s < 1.0
    assert heard.qsize() == 1000


def test_lost_connection_heals_and_waiting_events_are_sent(open_bus: OpenBus, url: str) -> None:
    here, there = open_bus(), open_bus()
    heard: SimpleQueue[LiveEvent] = SimpleQueue()
    there.subscribe(PROJECT, heard.put)

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    deadline = time.monotonic() + TIMEOUT_S
    while heard.empty() and time.monotonic() < deadline:
        here.publish(event())
        time.sleep(0.05)

    assert heard.get(timeout=TIMEOUT_S) == event()


def test_close_sends_what_waits_and_ends_the_thread(open_bus: OpenBus) -> None:
    here, there = open_bus(), open_bus()
    heard: SimpleQueue[LiveEvent] = SimpleQueue()
    there.subscribe(PROJECT, heard.put)

    here.publish(event("last"))
    here.close()
    here.close()

    assert heard.get(timeout=TIMEOUT_S) == event("last")
    here.publish(event("too late"))  # says nothing, and does not raise


def test_message_of_a_newer_release_is_read_as_far_as_it_is_understood(open_bus: OpenBus, url: str) -> None:
    bus = open_bus()
    heard: SimpleQueue[LiveEvent] = SimpleQueue()
    bus.subscribe(PROJECT, heard.put)

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for payload in ("not json", '{"events": [[7, "r", "hologram", {}], [7, "r", "run", {}], 5]}'):
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))

    assert heard.get(timeout=TIMEOUT_S) == event("r", LiveKind.RUN)


def test_payloads_stay_below_the_databases_limit_and_lose_no_event() -> None:
    large: JsonObject = {"text": "x" * 20_000}
    events = [event(f"run-{number}", LiveKind.RUN, number=number) for number in range(500)]
    events.insert(100, LiveEvent(PROJECT, RunId("large"), LiveKind.CONSOLE, large))

    payloads = list(_pack("me", events))

    assert all(len(payload.encode()) <= MAX_PAYLOAD_BYTES for payload in payloads)
    assert len(payloads) > 1
    unpacked = [found for payload in payloads for found in _unpack(payload)[1]]
    assert unpacked == [found if found.run != "large" else event("large", LiveKind.CONSOLE) for found in events]


def test_publishers_of_many_threads_lose_no_run(open_bus: OpenBus) -> None:
    here, there = open_bus(), open_bus()
    heard: set[RunId] = set()
    there.subscribe(PROJECT, lambda found: heard.add(found.run))

    def publish(number: int) -> None:
        for i in range(100):
            here.publish(event(f"{number}-{i}"))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    deadline = time.monotonic() + TIMEOUT_S
    while len(heard) < 400 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(heard) == 400
