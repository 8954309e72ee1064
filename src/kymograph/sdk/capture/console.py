"""Capturing the console of a run: which of the ways, and its beginning and end.

Text is captured as it was printed; what a terminal would show of it is made later, by `kymograph.core.terminal`.
"""

from __future__ import annotations

import logging
from typing import Literal, Self

from kymograph.errors import InvalidSetting
from kymograph.sdk.capture.fanout import ConsoleSink, StreamName, muted
from kymograph.sdk.capture.redirect import REDIRECTS, Redirect, descriptor_of
from kymograph.sdk.capture.tap import TAPS, StreamTap

__all__ = ["ConsoleCapture", "ConsoleSink", "LoggerCapture", "capture_way", "muted"]

ConsoleWay = Literal["off", "wrap", "redirect"]
STREAMS: tuple[StreamName, ...] = ("stdout", "stderr")

_WAYS: dict[str, ConsoleWay] = {
    "off": "off",
    # Source: the vendor's settings map "auto" to "wrap" everywhere. It is also the one that cannot make anyone wait.
    "auto": "wrap",
    "wrap": "wrap",
    # The vendor's two kinds of wrapping differ in where a terminal is emulated; with us the sender does that for all.
    "wrap_raw": "wrap",
    "wrap_emu": "wrap",
    "redirect": "redirect",
}
_log = logging.getLogger(__name__)


def capture_way(setting: str) -> ConsoleWay:
    """How the console is captured for a value of the setting `console`.

    Raises:
        InvalidSetting: No value of that setting.
    """
    if setting not in _WAYS:
        raise InvalidSetting("console", setting, rule=f"it is one of {', '.join(_WAYS)}")
    return _WAYS[setting]


class ConsoleCapture:
    """Gives what is printed to a sink, from `start` to `stop`; any number of them at a time.

    Both are idempotent. In a forked child the capture has ended.

    Args:
        sink: Called as ``sink("stdout" | "stderr", text)`` with pieces of text in the order they were printed, by the
            thread that prints (by a thread of its own when redirected), by several at once. What it prints itself is
            not captured. If it raises, capturing into it ends with one warning.
        setting: A value of the setting `console`.

    Raises:
        InvalidSetting: No value of that setting.
    """

    def __init__(self, sink: ConsoleSink, setting: str = "auto") -> None:
        self._sink = sink
        self.way: ConsoleWay = capture_way(setting)
        self._taken: list[tuple[StreamTap | Redirect, int]] = []

    def start(self) -> None:
        """Begin; a stream that has no file descriptor is wrapped, also if it was to be redirected."""
        if self._taken or self.way == "off":
            return
        for stream in STREAMS:
            source: StreamTap | Redirect = TAPS[stream]
            if self.way == "redirect" and descriptor_of(stream) is not None:
                source = REDIRECTS[stream]
            try:
                token = source.add(self._sink)
            except OSError as error:
                _log.debug("cannot redirect %s, so it is wrapped: %s", stream, error)
                source = TAPS[stream]
                token = source.add(self._sink)
            self._taken.append((source, token))

    def stop(self) -> None:
        """End, after everything that was printed before was given to the sink; the streams are as they were."""
        taken, self._taken = self._taken, []
        for source, token in taken:
            source.remove(token)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


class LoggerCapture:
    """Gives what Python loggers say to a sink, whether or not it reaches the console.

    Args:
        sink: As of `ConsoleCapture`; the records come as lines of stderr, where logging writes them.
        levels: Lowest level by name of the logger; the root logger is ``root``. Source: the setting `capture_loggers`.

    Raises:
        InvalidSetting: There is no such level.
    """

    def __init__(self, sink: ConsoleSink, levels: dict[str, str | int]) -> None:
        self._handlers: list[tuple[logging.Logger, logging.Handler]] = []
        for name, level in levels.items():
            try:
                handler = _SinkHandler(sink, level)
            except ValueError as error:
                raise InvalidSetting("capture_loggers", level, rule=f"{name} needs the name of a level") from error
            self._handlers.append((logging.getLogger(None if name == "root" else name), handler))

    def start(self) -> None:
        """Add a handler to each logger."""
        for logger, handler in self._handlers:
            logger.addHandler(handler)

    def stop(self) -> None:
        """Take them off again."""
        for logger, handler in self._handlers:
            logger.removeHandler(handler)


class _SinkHandler(logging.Handler):
    def __init__(self, sink: ConsoleSink, level: str | int) -> None:
        super().__init__(level)
        self._sink = sink
        self._has_failed = False
        # Source: the form of the vendor's client, which is that of `logging.basicConfig`.
        self.setFormatter(logging.Formatter(logging.BASIC_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and hand it over; after an error, no more."""
        if self._has_failed:
            return
        try:
            with muted():
                self._sink("stderr", f"{self.format(record)}\n")
        # The edge to user code: whoever logs must not fail because of a handler, nor be told at every line.
        except Exception:
            self._has_failed = True
            _log.warning("capturing loggers failed and ends; what they log goes where it went")
            _log.debug("why capturing loggers failed", exc_info=True)
