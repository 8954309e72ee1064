"""Copying what anyone writes to file descriptors 1 and 2: C code and child processes, too.

The descriptor is pointed at a pipe, or at a pseudo-terminal where it was a terminal (so that progress bars and colours
stay as they are); a thread passes on what arrives, and copies it. Children that outlive the capture go on writing to
the pipe, so the thread passes that on until the last one has closed it.

What cannot work: code that prints more than a pipe holds in one call while keeping the interpreter's lock. It would
wait for our thread, which waits for the lock. Pipes are made as large as the system allows; a pseudo-terminal holds
4 KiB. Hence `redirect` is for those who ask for it.
"""

from __future__ import annotations

import atexit
import codecs
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from kymograph.sdk.capture.fanout import ConsoleSink, Fanout, StreamName
from kymograph.sdk.capture.tap import TAPS

PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16
DRAIN_TIMEOUT_S = 2.0
"""How long `remove` waits for what is in the pipe."""


def descriptor_of(stream: StreamName) -> int | None:
    """The file descriptor behind a stream, or None if it is no real one: a notebook's, a test's, a window's."""
    try:
        number: int = getattr(sys, stream).fileno()
        os.fstat(number)
    except (AttributeError, OSError, ValueError):
        return None
    return number


class Redirect:
    """One file descriptor, redirected while it has sinks."""

    def __init__(self, stream: StreamName) -> None:
        self.stream: StreamName = stream
        self.fanout = Fanout(stream)
        self._pump: _Pump | None = None
        self._lock = threading.RLock()

    def add(self, sink: ConsoleSink) -> int:
        """Give what is written to the descriptor to a sink as well; returns what `remove` takes.

        Raises:
            OSError: The stream has no descriptor that could be redirected.
        """
        with self._lock:
            if self._pump is None:
                number = descriptor_of(self.stream)
                if number is None:
                    raise OSError(f"{self.stream} has no file descriptor")
                _register_handlers()
                _flush(self.stream)
                self._pump = _Pump(number, self.fanout)
                # A sink that prints comes to the pipe again. Its thread is known to the tap, which sends it past us.
                tap = TAPS[self.stream]
                tap.bypass = self._pump.write_past
                tap.hold()
            return self.fanout.add(sink)

    def remove(self, token: int) -> None:
        """Give a sink no more, after what was written before; the descriptor is restored with the last one."""
        with self._lock:
            pump = self._pump
            if pump is None:
                self.fanout.remove(token)
                return
            _flush(self.stream)
            is_last = self.fanout.is_only(token)
            if is_last:
                self._pump = None
                pump.restore()
                TAPS[self.stream].bypass = None
                TAPS[self.stream].release()
        if is_last:
            pump.drain()
        self.fanout.remove(token)

    def end(self) -> None:
        """Pass on what is still in the channel when the interpreter ends: no thread will do so afterwards."""
        with self._lock:
            pump, self._pump = self._pump, None
        if pump is not None:
            _flush(self.stream)
            pump.restore()
            pump.drain()

    def reset_after_fork(self) -> None:
        """Let a forked child write where we wrote before: the thread that would pass it on is not in it."""
        self._lock = threading.RLock()
        self.fanout.reset_after_fork()
        if self._pump is not None:
            self._pump.abandon()
            self._pump = None


class _Pump:
    """A thread that reads what is written to a redirected descriptor, passes it on and copies it.

    When capturing ends, a mark is written behind what was written before. The thread takes it out and copies nothing
    of what follows; when nothing is left to read cannot be told otherwise, since a pseudo-terminal takes its time.
    """

    def __init__(self, number: int, fanout: Fanout) -> None:
        self._number = number
        self._fanout = fanout
        self._mark = f"\x1b]kymograph:{os.urandom(8).hex()}\a".encode()
        self._is_ending = False
        self._has_ended = threading.Event()
        """Set once everything is copied that is to be."""
        self._original = os.dup(number)
        self._read, self._write = _channel(self._original)
        os.dup2(self._write, number)
        name = f"kymograph-{fanout.stream}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write_past(self, text: str) -> None:
        """Write where the descriptor led to before."""
        with suppress(OSError):
            _write_all(self._original, text.encode("utf-8", "replace"))

    def restore(self) -> None:
        """Point the descriptor back to where it led, unless another tool has pointed it elsewhere meanwhile."""
        self._is_ending = True
        with suppress(OSError):
            _write_all(self._write, self._mark)
        with suppress(OSError):
            ours, now = os.fstat(self._write), os.fstat(self._number)
            if (ours.st_dev, ours.st_ino) == (now.st_dev, now.st_ino):
                os.dup2(self._original, self._number)
        os.close(self._write)

    def drain(self) -> None:
        """Wait until what was written before `restore` is passed on and copied."""
        if threading.current_thread() is not self._thread:
            self._has_ended.wait(DRAIN_TIMEOUT_S)

    def abandon(self) -> None:
        """In a forked child: restore the descriptor, and close our copies, which would keep the channel open."""
        with suppress(OSError):
            os.dup2(self._original, self._number)
        for number in (self._read, self._write, self._original):
            with suppress(OSError):
                os.close(number)

    def _run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for data in self._arriving():
            with suppress(OSError):  # a closed terminal: those who write to us must not wait for it
                _write_all(self._original, data)
            if not self._has_ended.is_set():
                self._fanout.deliver(decoder.decode(data))
        self._has_ended.set()
        os.close(self._read)
        os.close(self._original)

    def _arriving(self) -> Iterator[bytes]:
        """What is read, without the mark, until every process has closed the other end."""
        rest = b""
        while True:
            try:
                data = os.read(self._read, READ_BYTES)
            except OSError:  # a pseudo-terminal that nobody has open says so by an input/output error
                data = b""
            if not data:
                if rest:
                    yield rest
                return
            if not self._is_ending or self._has_ended.is_set():
                yield data
                continue
            before, mark, after = (rest + data).partition(self._mark)
            if mark:
                rest = b""
                if before:
                    yield before
                self._has_ended.set()
                if after:
                    yield after
            else:
                kept = _length_of_beginning(before, self._mark)
                rest = before[len(before) - kept :]
                if before := before[: len(before) - kept]:
                    yield before


def _length_of_beginning(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of the mark."""
    return next((size for size in range(min(len(data), len(mark) - 1), 0, -1) if mark.startswith(data[-size:])), 0)


def _channel(original: int) -> tuple[int, int]:
    """A read end and a write end: a pseudo-terminal in place of a terminal, else a pipe."""
    if os.isatty(original) and os.name != "nt":
        try:
            return _pseudo_terminal(original)
        except (ImportError, OSError):
            pass  # none to be had here, as in some containers; a pipe does, though programs see no terminal then
    read_end, write_end = os.pipe()
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # above what this user may
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return read_end, write_end


def _pseudo_terminal(original: int) -> tuple[int, int]:
    import fcntl
    import pty
    import termios
    import tty

    read_end, write_end = pty.openpty()
    # Raw: the terminal behind it turns line ends into what it wants, once.
    tty.setraw(write_end)
    with suppress(OSError):
        fcntl.ioctl(write_end, termios.TIOCSWINSZ, fcntl.ioctl(original, termios.TIOCGWINSZ, b"\0" * 8))
    return read_end, write_end


def _write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(number, rest) :]
        except BlockingIOError:
            import selectors

            with selectors.DefaultSelector() as selector:
                selector.register(number, selectors.EVENT_WRITE)
                selector.select()


def _flush(stream: StreamName) -> None:
    with suppress(OSError, ValueError, AttributeError):
        getattr(sys, stream).flush()


REDIRECTS: dict[StreamName, Redirect] = {"stdout": Redirect("stdout"), "stderr": Redirect("stderr")}


@cache
def _register_handlers() -> None:
    """Look after forked children and the interpreter's end; once a process, and only if something was redirected."""
    atexit.register(_end_all)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_reset_after_fork)


def _end_all() -> None:
    for redirect in REDIRECTS.values():
        redirect.end()


def _reset_after_fork() -> None:
    for redirect in REDIRECTS.values():
        redirect.reset_after_fork()
