"""What the SDK says."""

from __future__ import annotations

import io
import sys

import pytest

from kymograph.sdk import notices


def test_a_notice_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert notices.warn("a\nb")
    assert not notices.warn("a\nb")
    assert notices.say("a", repeat=True)
    assert notices.say("a", repeat=True)

    assert capsys.readouterr().err == "kymograph: WARNING a\nkymograph: WARNING b\nkymograph: a\nkymograph: a\n"


def test_a_closed_terminal_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not notices.say("x")
    monkeypatch.setattr(sys, "stderr", None)
    assert not notices.say("y")
