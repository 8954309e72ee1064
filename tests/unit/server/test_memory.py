"""Freed memory stays for the next request."""

from __future__ import annotations

import platform

import pytest

from kymograph.server.memory import keep_freed_memory


def test_glibc_takes_the_settings_and_others_have_none() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_does_nothing_where_the_system_has_no_such_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")

    assert not keep_freed_memory()
