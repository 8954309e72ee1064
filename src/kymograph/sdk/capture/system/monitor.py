"""A thread that samples system metrics from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from kymograph.sdk.capture.system.sampler import SystemSampler

DEFAULT_INTERVAL_S = 15.0
"""Source: the default of the setting `x_stats_sampling_interval`, seeds.md E.2."""
STOP_TIMEOUT_S = 1.0
"""How long `stop` waits for a sample that is being taken; a probe may hang in a driver."""

_log = logging.getLogger(__name__)

SampleSink = Callable[[dict[str, float], datetime], None]


class SystemMonitor:
    """Gives a sample to a sink at once, and then once every interval until it is stopped.

    Args:
        sampler: Takes the samples.
        sink: Called in the monitor's thread with the values by key and the time (UTC); if it raises, monitoring ends
            with one warning.
        interval_s: Seconds between samples.
        label: Ends every key as ``/l:<label>``, so that several writers of one run can be told apart.
        now: The time.
    """

    def __init__(
        self,
        sampler: SystemSampler,
        sink: SampleSink,
        *,
        interval_s: float = DEFAULT_INTERVAL_S,
        label: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sampler = sampler
        self._sink = sink
        self._interval_s = interval_s
        self._suffix = f"/l:{label}" if label else ""
        self._now = now
        self._is_stopped = threading.Event()
        self._is_paused = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; does nothing if it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="kymograph-system", daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Take no samples until `resume`: between the cells of a notebook, nothing of the run goes on."""
        self._is_paused = True

    def resume(self) -> None:
        """Take samples again."""
        self._is_paused = False

    def stop(self) -> None:
        """End, for good; returns within a second, also if a probe hangs."""
        self._is_stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            if not self._is_paused and not self._take():
                return
            self._is_stopped.wait(self._interval_s)

    def _take(self) -> bool:
        at = self._now()
        values = self._sampler.sample()
        if self._is_stopped.is_set() or not values:
            return True
        try:
            self._sink({f"{key}{self._suffix}": value for key, value in values.items()}, at)
        # The edge of this thread: a run must not see an error because its machine was measured.
        except Exception:
            _log.warning("system metrics end: a sample could not be recorded")
            _log.debug("why a sample could not be recorded", exc_info=True)
            return False
        return True
