"""Live updates between replicas, carried by PostgreSQL's LISTEN and NOTIFY."""

from __future__ import annotations

import logging
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import orjson
import psycopg
from sqlalchemy import make_url

from kymograph.core.live import Listener, Listeners, LiveEvent, LiveKind
from kymograph.types import JsonObject, ProjectId, RunId

logger = logging.getLogger(__name__)

CHANNEL = "kymograph_live"
MAX_PAYLOAD_BYTES = 7_900
"""PostgreSQL refuses 8,000 and more."""
MAX_WAITING = 20_000
"""Events of different runs and kinds that wait for a connection; beyond it the oldest are dropped."""
MIN_INTERVAL_S = 0.05
"""Between two sendings: a busy replica sends twenty bundles a second, not one message for each request it takes."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_LOOK_INTERVAL_S = 15.0
"""After so long without news, ask whether the connection still stands."""
_CLOSE_TIMEOUT_S = 5.0
_KINDS = frozenset(kind.value for kind in LiveKind)


class PostgresLiveBus:
    """A bus between all processes that work on one PostgreSQL database. Safe to share between threads.

    Listeners of this process are told at once; those of others through a thread with a connection of its own, so that
    a publisher never waits for the database. Events that wait are merged by run and kind.
    """

    def __init__(self, url: str) -> None:
        """Begin to listen, in the background.

        Args:
            url: The database, as for `storage.database.open_database`.
        """
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        self._connect_args, self._connect_options = parsed.get_dialect()().create_connect_args(parsed)
        self._origin = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._listeners = Listeners()
        self._waiting: dict[tuple[ProjectId, RunId, LiveKind], LiveEvent] = {}
        self._is_closing = False
        self._is_listening = threading.Event()
        # Written to by publishers, so that the thread wakes from waiting for the database.
        self._bell_reader, self._bell = socket.socketpair()
        self._bell_reader.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="live-bus", daemon=True)
        self._thread.start()

    # docstrings inherited

    def publish(self, event: LiveEvent) -> None:
        """Docstring inherited."""
        key = (event.project, event.run, event.kind)
        with self._lock:
            previous = self._waiting.pop(key, None)
            self._waiting[key] = previous.merge(event) if previous is not None else event
            if len(self._waiting) > MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]
        self._ring()
        self._listeners.tell(event)

    def subscribe(self, project: ProjectId, listener: Listener) -> Callable[[], None]:
        """Docstring inherited."""
        return self._listeners.add(project, listener)

    def close(self) -> None:
        """Docstring inherited."""
        if self._is_closing:
            return
        self._is_closing = True
        self._ring()
        self._thread.join(_CLOSE_TIMEOUT_S)
        self._bell.close()
        self._bell_reader.close()

    def wait_until_listening(self, timeout_s: float) -> bool:
        """Whether events of other processes arrive by now."""
        return self._is_listening.wait(timeout_s)

    def _ring(self) -> None:
        with suppress(OSError):  # full: it rings already; closed: nobody is there to hear it
            self._bell.send(b"!")

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._is_closing:
            try:
                with psycopg.connect(*self._connect_args, autocommit=True, **self._connect_options) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._is_listening.set()
                    pause_s = _FIRST_PAUSE_S
                    self._exchange(connection)
            except psycopg.Error as exc:
                self._is_listening.clear()
                # The error's kind alone: its text may hold the connection string.
                logger.warning(
                    "live updates of other replicas are interrupted; connecting again",
                    extra={"problem": type(exc).__name__, "pause_s": pause_s},
                )
                self._pause(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            except Exception:  # the edge of this thread: one event that cannot be told must not silence all others
                self._is_listening.clear()
                logger.exception("live updates of other replicas failed; connecting again")
                self._pause(pause_s)

    def _exchange(self, connection: psycopg.Connection) -> None:
        """Send and deliver until told to close; a lost connection raises."""
        self._send(connection)
        while not self._is_closing:
            readable, _, _ = select.select([connection.fileno(), self._bell_reader.fileno()], [], [], _LOOK_INTERVAL_S)
            if not readable:
                connection.execute("SELECT 1")
            elif self._bell_reader.fileno() in readable and not self._is_closing:
                # More will follow what rang the bell: a file-stream request publishes three or four events.
                time.sleep(MIN_INTERVAL_S)
            self._silence_bell()
            self._send(connection)
            for notice in connection.notifies(timeout=0):
                self._deliver(notice.payload)

    def _silence_bell(self) -> None:
        with suppress(BlockingIOError):
            while self._bell_reader.recv(65536):
                pass

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_closing and time.monotonic() < until:
            time.sleep(0.05)

    def _send(self, connection: psycopg.Connection) -> None:
        with self._lock:
            events = list(self._waiting.values())
            self._waiting.clear()
        payloads = list(_pack(self._origin, events))
        if not payloads:
            return
        try:
            connection.execute("SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload", (CHANNEL, payloads))
        except psycopg.Error:
            self._put_back(events)
            raise

    def _put_back(self, events: Sequence[LiveEvent]) -> None:
        """Events that were not sent go before those that came meanwhile."""
        with self._lock:
            newer = self._waiting
            self._waiting = {(event.project, event.run, event.kind): event for event in events}
            for key, event in newer.items():
                previous = self._waiting.get(key)
                self._waiting[key] = previous.merge(event) if previous is not None else event
            while len(self._waiting) > MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]

    def _deliver(self, payload: str) -> None:
        origin, events = _unpack(payload)
        if origin == self._origin:
            return  # its listeners were told when it was published
        for event in events:
            self._listeners.tell(event)


def _pack(origin: str, events: Sequence[LiveEvent]) -> Iterator[str]:
    """Bundle events into payloads that PostgreSQL takes; details that are too large for one are left out."""
    frame = len(orjson.dumps({"origin": origin, "events": []}))
    bundle: list[bytes] = []
    size = frame
    for event in events:
        encoded = orjson.dumps([event.project, event.run, event.kind.value, event.details])
        if frame + len(encoded) > MAX_PAYLOAD_BYTES:
            encoded = orjson.dumps([event.project, event.run, event.kind.value, {}])
        if bundle and size + len(encoded) + 1 > MAX_PAYLOAD_BYTES:
            yield _bundle(origin, bundle)
            bundle, size = [], frame
        bundle.append(encoded)
        size += len(encoded) + 1
    if bundle:
        yield _bundle(origin, bundle)


def _bundle(origin: str, encoded: Sequence[bytes]) -> str:
    return f'{{"origin":"{origin}","events":[{b",".join(encoded).decode()}]}}'


def _unpack(payload: str) -> tuple[str, list[LiveEvent]]:
    """Read a payload; of one that another release wrote, what this one understands."""
    try:
        document: JsonObject = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return "", []
    events: list[LiveEvent] = []
    items = document.get("events")
    for item in items if isinstance(items, list) else ():
        match item:
            case [int(project), str(run), str(kind), dict(details)] if kind in _KINDS:
                events.append(LiveEvent(ProjectId(project), RunId(run), LiveKind(kind), details))
    return str(document.get("origin")), events
