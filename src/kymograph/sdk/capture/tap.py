"""Copying what Python code writes to ``sys.stdout`` and ``sys.stderr``.

The stream object stays in place, and with it everything that others know of it or keep of it; only its `write` becomes
one that also copies. When capturing ends and another tool has put its own `write` on top meanwhile, ours stays below,
passing everything on and copying nothing: taking it out would cut off theirs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from kymograph.sdk.capture.fanout import ConsoleSink, Fanout, StreamName, is_muted


class _Hook:
    """Our `write` on one stream object."""

    def __init__(self, tap: StreamTap, stream: Any) -> None:
        self.stream = stream
        self._tap = tap
        self._original: Callable[[Any], Any] = stream.write
        self._own: object = getattr(stream, "__dict__", {}).get("write")
        """A `write` that the object had for itself, put there by another tool."""
        self._installed = self._write
        self._proxy: _Proxy | None = None
        try:
            stream.write = self._installed
        except (AttributeError, TypeError):  # an object that takes no attributes
            self._proxy = _Proxy(stream, self._installed)
            setattr(sys, tap.stream, self._proxy)

    def _write(self, data: Any, /) -> Any:
        tap = self._tap
        tap.last_reached = self
        if tap.bypass is not None and is_muted() and isinstance(data, str) and data:
            tap.bypass(data)
            return len(data)
        result = self._original(data)
        tap.fanout.deliver(data)
        return result

    def remove(self) -> bool:
        """Restore the stream; False if another tool's `write` lies on top, so that ours has to stay."""
        if self._proxy is not None:
            if getattr(sys, self._tap.stream) is not self._proxy:
                return False
            setattr(sys, self._tap.stream, self.stream)
            return True
        if self.stream.__dict__.get("write") is not self._installed:
            return False
        if self._own is None:
            del self.stream.write
        else:
            self.stream.write = self._own
        return True


class _Proxy:
    """Stands in for a stream whose `write` cannot be replaced; everything else is the stream's."""

    def __init__(self, stream: Any, write: Callable[[Any], Any]) -> None:
        self.__dict__.update(_stream=stream, write=write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_stream"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["_stream"], name, value)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __iter__(self) -> Any:
        return iter(self.__dict__["_stream"])

    def __enter__(self) -> Any:
        self.__dict__["_stream"].__enter__()
        return self

    def __exit__(self, *exception: object) -> Any:
        return self.__dict__["_stream"].__exit__(*exception)


class StreamTap:
    """The hooks on one of the two streams, and who gets the copies."""

    def __init__(self, stream: StreamName) -> None:
        self.stream: StreamName = stream
        self.fanout = Fanout(stream)
        self.bypass: Callable[[str], None] | None = None
        """Where text of a thread that must not be captured goes, when the stream itself leads back to us."""
        self.last_reached: _Hook | None = None
        self._hooks: list[_Hook] = []
        self._holders = 0
        self._lock = threading.RLock()

    def add(self, sink: ConsoleSink) -> int:
        """Give what is written to the stream to a sink as well; returns what `remove` takes."""
        self.hold()
        return self.fanout.add(sink)

    def remove(self, token: int) -> None:
        """Give a sink no more; the stream is restored with the last one."""
        self.fanout.remove(token)
        self.release()

    def hold(self) -> None:
        """Have a hook on the stream until `release`."""
        _register_fork_handler()
        with self._lock:
            self._holders += 1
            self._hook()

    def refresh(self) -> None:
        """Put the hook back if another tool has taken it out, as IPython does at the end of each cell."""
        with self._lock:
            if self._holders:
                self._hook()

    def _hook(self) -> None:
        stream = getattr(sys, self.stream)
        if stream is None or self._is_reached_by(stream):
            return
        # Of hooks on this very object that are not reached, another tool has taken ours out: they are gone.
        self._hooks = [hook for hook in self._hooks if hook.stream is not stream]
        self._hooks.append(_Hook(self, stream))

    def release(self) -> None:
        """Undo one `hold`."""
        with self._lock:
            self._holders = max(0, self._holders - 1)
            if not self._holders:
                self._hooks = [hook for hook in self._hooks if not hook.remove()]

    def reset_after_fork(self) -> None:
        """Copy nothing in a forked child; hooks stay, and a run of the child uses them again."""
        self._lock = threading.RLock()
        self._holders = 0
        self.bypass = None
        self.fanout.reset_after_fork()

    def _is_reached_by(self, stream: Any) -> bool:
        """Tell whether what is written to a stream object comes to one of our hooks, by writing nothing to it."""
        if not self._hooks:
            return False
        self.last_reached = None
        with suppress(OSError, ValueError, TypeError):  # closed, or one that takes bytes
            stream.write("")
        return self.last_reached is not None


TAPS: dict[StreamName, StreamTap] = {"stdout": StreamTap("stdout"), "stderr": StreamTap("stderr")}


@cache
def _register_fork_handler() -> None:
    """Stop copying in forked children; once a process, and only if something was captured."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_reset_after_fork)


def _reset_after_fork() -> None:
    for tap in TAPS.values():
        tap.reset_after_fork()
