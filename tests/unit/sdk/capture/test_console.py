"""Console text reaches the sink and the user alike, whatever else happens to the streams."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest

from kymograph.errors import InvalidSetting
from kymograph.sdk.capture.console import ConsoleCapture, LoggerCapture, capture_way, muted
from kymograph.sdk.capture.fanout import Fanout, StreamName
from kymograph.sdk.capture.redirect import _length_of_beginning


class Recorder:
    def __init__(self) -> None:
        self.pieces: list[tuple[StreamName, str]] = []

    def __call__(self, stream: StreamName, text: str, /) -> None:
        self.pieces.append((stream, text))

    def text(self, stream: StreamName = "stdout") -> str:
        return "".join(text for name, text in self.pieces if name == stream)


class Streams:
    """Stand-ins for the two streams; put in place within the test, since the test runner has its own before."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.out, self.err = io.StringIO(), io.StringIO()

    def begin(self) -> None:
        self._patch.setattr(sys, "stdout", self.out)
        self._patch.setattr(sys, "stderr", self.err)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    streams = Streams(monkeypatch)
    yield streams
    assert "write" not in vars(streams.out)
    assert "write" not in vars(streams.err)


def test_what_is_printed_reaches_the_sink_and_the_user(streams: Streams) -> None:
    streams.begin()
    recorder = Recorder()
    with ConsoleCapture(recorder):
        print("hello", end="")
        print("oh", file=sys.stderr)
        sys.stdout.writelines(["a\n", "b\n"])
    print("after")

    assert recorder.text() == "helloa\nb\n"
    assert recorder.text("stderr") == "oh\n"
    assert streams.out.getvalue() == "helloa\nb\nafter\n"
    assert streams.err.getvalue() == "oh\n"


def test_the_stream_stays_the_same_object(streams: Streams) -> None:
    streams.begin()
    with ConsoleCapture(Recorder()):
        assert sys.stdout is streams.out
        assert sys.stdout.write("x") == 1


def test_several_runs_capture_at_once(streams: Streams) -> None:
    streams.begin()
    first, second = Recorder(), Recorder()
    one, two = ConsoleCapture(first), ConsoleCapture(second)
    one.start()
    one.start()
    print("1")
    two.start()
    print("2")
    one.stop()
    one.stop()
    print("3")
    two.stop()

    assert first.text() == "1\n2\n"
    assert second.text() == "2\n3\n"
    assert streams.out.getvalue() == "1\n2\n3\n"


def test_a_sink_that_prints_does_not_recurse(streams: Streams) -> None:
    streams.begin()
    pieces: list[str] = []

    def sink(stream: StreamName, text: str, /) -> None:
        pieces.append(text)
        print("from the sink")

    with ConsoleCapture(sink):
        sys.stdout.write("text")

    assert pieces == ["text"]
    assert streams.out.getvalue() == "textfrom the sink\n"


def test_a_sink_that_fails_is_dropped_with_one_warning(streams: Streams, caplog: pytest.LogCaptureFixture) -> None:
    streams.begin()

    def broken(stream: StreamName, text: str, /) -> None:
        raise RuntimeError("no")

    good = Recorder()
    with ConsoleCapture(broken), ConsoleCapture(good):
        print("one")
        print("two")

    assert good.text() == "one\ntwo\n"
    assert streams.out.getvalue() == "one\ntwo\n"
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1


def test_an_interrupt_within_a_sink_is_not_swallowed(streams: Streams) -> None:
    streams.begin()

    def interrupted(stream: StreamName, text: str, /) -> None:
        raise KeyboardInterrupt

    recorder = Recorder()
    with ConsoleCapture(interrupted), ConsoleCapture(recorder):
        with pytest.raises(KeyboardInterrupt):
            print("x", end="")
        with pytest.raises(KeyboardInterrupt):
            print("y", end="")

    assert streams.out.getvalue() == "xy"


def test_muted_text_is_not_captured(streams: Streams) -> None:
    streams.begin()
    recorder = Recorder()
    with ConsoleCapture(recorder), muted():
        print("ours")

    assert recorder.pieces == []
    assert streams.out.getvalue() == "ours\n"


def test_threads_print_at_once(streams: Streams) -> None:
    streams.begin()
    recorder = Recorder()
    with ConsoleCapture(recorder):
        threads = [threading.Thread(target=lambda: [print("line") for _ in range(200)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert recorder.text().count("line") == 800


def test_a_tool_on_top_keeps_working_when_we_stop_first(streams: Streams) -> None:
    streams.begin()
    recorder, theirs = Recorder(), list[str]()
    capture = ConsoleCapture(recorder)
    capture.start()
    below = sys.stdout.write

    def on_top(text: str) -> int:
        theirs.append(text)
        return below(text)

    sys.stdout.write = on_top  # type: ignore[method-assign]
    print("both", end="")
    capture.stop()
    print("theirs", end="")
    with ConsoleCapture(recorder):
        print("again", end="")
    del sys.stdout.write
    print("none", end="")

    assert recorder.text() == "bothagain"
    assert theirs == ["both", "", "theirs", "", "", "again", ""] or "".join(theirs) == "boththeirsagain"
    assert streams.out.getvalue() == "boththeirsagainnone"


def test_a_tool_that_restores_our_write_later_does_no_harm(streams: Streams) -> None:
    streams.begin()
    recorder = Recorder()
    capture = ConsoleCapture(recorder)
    capture.start()
    ours = sys.stdout.write
    sys.stdout.write = lambda text: ours(text)  # type: ignore[method-assign]
    capture.stop()
    sys.stdout.write = ours  # type: ignore[method-assign]
    print("late", end="")
    with ConsoleCapture(recorder):
        print("captured once", end="")

    assert recorder.text() == "captured once"
    assert streams.out.getvalue() == "latecaptured once"


def test_a_tool_that_took_our_write_out_does_not_end_later_captures(streams: Streams) -> None:
    streams.begin()
    recorder = Recorder()
    first = ConsoleCapture(Recorder())
    first.start()
    del sys.stdout.write
    with ConsoleCapture(recorder):
        print("x", end="")
    first.stop()

    assert recorder.text() == "x"


def test_a_write_that_another_tool_put_there_before_is_restored(streams: Streams) -> None:
    streams.begin()
    theirs = list[str]()
    sys.stdout.write = theirs.append  # type: ignore[method-assign]
    with ConsoleCapture(Recorder()):
        print("x", end="")

    assert vars(sys.stdout)["write"] == theirs.append
    assert "".join(theirs) == "x"
    del sys.stdout.write


def test_a_capture_begun_within_redirected_output_and_ended_outside(streams: Streams) -> None:
    streams.begin()
    recorder, elsewhere = Recorder(), io.StringIO()
    capture = ConsoleCapture(recorder)
    with contextlib.redirect_stdout(elsewhere):
        capture.start()
        print("inside", end="")
    print("outside", end="")
    capture.stop()

    assert recorder.text() == "inside"
    assert "write" not in vars(elsewhere)
    assert streams.out.getvalue() == "outside"


def test_a_stream_without_attributes_is_captured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slots:
        __slots__ = ("texts",)
        encoding = "utf-8"

        def __init__(self) -> None:
            self.texts: list[str] = []

        def write(self, text: str) -> int:
            self.texts.append(text)
            return len(text)

        def flush(self) -> None: ...

    stream, recorder = Slots(), Recorder()
    monkeypatch.setattr(sys, "stdout", stream)
    with ConsoleCapture(recorder):
        print("x", end="")
        sys.stdout.writelines(["y", "z"])
        assert sys.stdout.encoding == "utf-8"

    assert sys.stdout is stream
    assert recorder.text() == "xyz"
    assert "".join(stream.texts) == "xyz"


def test_a_process_without_streams_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    with ConsoleCapture(Recorder()), ConsoleCapture(Recorder(), "redirect"):
        pass


def test_bytes_are_joined_before_they_are_decoded() -> None:
    fanout, recorder = Fanout("stdout"), Recorder()
    fanout.add(recorder)
    for byte in "né日\ud800".encode("utf-8", "surrogatepass"):
        fanout.deliver(bytes([byte]))
    fanout.deliver("\udcff")
    fanout.deliver(object())

    assert recorder.text().startswith("né日\ufffd")
    assert recorder.text().isprintable()


def test_off_captures_nothing(streams: Streams) -> None:
    streams.begin()
    recorder = Recorder()
    with ConsoleCapture(recorder, "off"):
        print("x")

    assert recorder.pieces == []


def test_values_of_the_setting() -> None:
    assert {capture_way(value) for value in ("auto", "wrap", "wrap_raw", "wrap_emu")} == {"wrap"}
    assert capture_way("redirect") == "redirect"
    with pytest.raises(InvalidSetting, match="auto, wrap"):
        capture_way("everything")


def test_loggers_are_captured_from_their_level_on() -> None:
    recorder = Recorder()
    capture = LoggerCapture(recorder, {"app.training": "WARNING"})
    capture.start()
    logging.getLogger("app.training").warning("careful")
    logging.getLogger("app.training").info("never mind")
    capture.stop()
    logging.getLogger("app.training").warning("after")

    assert recorder.pieces == [("stderr", "WARNING:app.training:careful\n")]
    with pytest.raises(InvalidSetting, match="capture_loggers"):
        LoggerCapture(recorder, {"app": "LOUD"})


def test_a_sink_of_loggers_that_fails_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    def fail(stream: str, text: str) -> None:
        raise RuntimeError

    capture = LoggerCapture(fail, {"root": "WARNING"})
    capture.start()
    for _ in range(3):
        logging.getLogger("app").warning("careful")
    capture.stop()

    assert [record.getMessage() for record in caplog.records].count("careful") == 3
    assert sum("capturing loggers failed" in record.getMessage() for record in caplog.records) == 1


# --- in processes of their own: descriptors and forks are no affair of the test runner --------------------------------

PRELUDE = """
import ctypes, json, os, subprocess, sys, threading
from kymograph.sdk.capture.console import ConsoleCapture
pieces = []
def sink(stream, text):
    pieces.append([stream, text])
def report():
    with open(sys.argv[1], "w") as file:
        texts = {name: "".join(text for stream, text in pieces if stream == name) for name in ("stdout", "stderr")}
        json.dump(texts, file)
"""


def run_script(script: str, path: str) -> tuple[subprocess.CompletedProcess[bytes], dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script), path],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    with open(path) as file:
        return done, json.load(file)


@pytest.fixture
def path(tmp_path: object) -> str:
    return os.path.join(str(tmp_path), "report.json")


def test_redirect_captures_c_code_and_child_processes(path: str) -> None:
    done, captured = run_script(
        """
        print("before", flush=True)
        with ConsoleCapture(sink, "redirect"):
            print("python")
            sys.stdout.flush()
            os.write(1, "descriptor é\\n".encode()[:12])
            os.write(1, "descriptor é\\n".encode()[12:])
            subprocess.run([sys.executable, "-c", "print('child')"], check=True)
            os.write(2, b"error\\n")
        print("after")
        report()
        """,
        path,
    )

    assert captured == {"stdout": "python\ndescriptor é\nchild\n", "stderr": "error\n"}
    assert done.stdout.decode() == "before\npython\ndescriptor é\nchild\nafter\n"
    assert done.stderr.decode() == "error\n"


def test_a_child_that_outlives_the_redirection_can_still_print(path: str) -> None:
    done, captured = run_script(
        """
        capture = ConsoleCapture(sink, "redirect")
        capture.start()
        child = subprocess.Popen([sys.executable, "-c", "input(); print('late')"], stdin=subprocess.PIPE)
        print("early", flush=True)
        capture.stop()
        report()
        child.communicate(b"go\\n")
        for thread in threading.enumerate():
            if thread.name.startswith("kymograph"):
                thread.join(10)
        """,
        path,
    )

    assert captured["stdout"] == "early\n"
    assert done.stdout.decode() == "early\nlate\n"


def test_a_sink_that_prints_while_redirected_does_not_recurse(path: str) -> None:
    done, captured = run_script(
        """
        def chatty(stream, text):
            sink(stream, text)
            print("[sink]", flush=True)
        with ConsoleCapture(chatty, "redirect"):
            os.write(1, b"text\\n")
        report()
        """,
        path,
    )

    assert captured["stdout"] == "text\n"
    assert done.stdout.decode() == "text\n[sink]\n"


def test_nothing_is_lost_when_the_interpreter_ends_during_a_redirection(path: str) -> None:
    done, _ = run_script(
        """
        ConsoleCapture(sink, "redirect").start()
        report()
        for number in range(1000):
            print(number)
        """,
        path,
    )

    assert done.stdout.decode().split() == [str(number) for number in range(1000)]


def test_another_tool_that_redirects_on_top_keeps_its_redirection(path: str) -> None:
    done, captured = run_script(
        """
        capture = ConsoleCapture(sink, "redirect")
        capture.start()
        os.write(1, b"ours\\n")
        saved = os.dup(1)
        elsewhere = os.open(sys.argv[1] + ".log", os.O_CREAT | os.O_RDWR)
        os.dup2(elsewhere, 1)
        capture.stop()
        os.write(1, b"theirs\\n")
        os.dup2(saved, 1)
        os.close(saved)
        os.write(1, b"late\\n")
        os.close(1)
        for thread in threading.enumerate():
            if thread.name.startswith("kymograph"):
                thread.join(10)
        report()
        """,
        path,
    )

    assert captured["stdout"] == "ours\n"
    assert done.stdout.decode() == "ours\nlate\n"
    with open(f"{path}.log") as file:
        assert file.read() == "theirs\n"


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_the_mark_of_the_end_is_found_in_pieces(size: int) -> None:
    mark, text = b"\x1b]mark\a", b"a\x1b]mar\x1b"
    data = text + mark + b"after"
    rest, found = b"", list[bytes]()
    for start in range(0, len(data), size):
        before, is_found, _ = (rest + data[start : start + size]).partition(mark)
        kept = 0 if is_found else _length_of_beginning(before, mark)
        found.append(before[: len(before) - kept])
        rest = before[len(before) - kept :]
        if is_found:
            break

    assert b"".join(found) == text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("setting", ["wrap", "redirect"])
def test_a_forked_child_captures_nothing_and_prints(path: str, setting: str) -> None:
    done, captured = run_script(
        f"""
        capture = ConsoleCapture(sink, {setting!r})
        capture.start()
        print("parent", flush=True)
        child = os.fork()
        if child == 0:
            print("child", flush=True)
            capture.stop()
            os._exit(len(pieces) > 2 and any("child" in text for _, text in pieces))
        _, status = os.waitpid(child, 0)
        print(status, flush=True)
        capture.stop()
        report()
        """,
        path,
    )

    assert captured["stdout"] == "parent\n0\n"
    printed = done.stdout.decode()
    assert "parent" in printed
    assert "child" in printed
    assert printed.endswith("0\n")


@pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")
def test_a_redirected_terminal_is_still_a_terminal(path: str) -> None:
    import pty

    main, terminal = pty.openpty()
    script = PRELUDE + textwrap.dedent(
        """
        with ConsoleCapture(sink, "redirect"):
            print(sys.stdout.isatty(), flush=True)
            os.write(1, b"10%\\r20%\\n")
        report()
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script, path], stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):
        while piece := os.read(main, 1024):
            seen += piece
    os.close(main)

    assert process.wait(30) == 0
    with open(path) as file:
        assert json.load(file)["stdout"] == "True\n10%\r20%\n"
    assert seen == b"True\r\n10%\r20%\r\n"
