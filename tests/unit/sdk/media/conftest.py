"""A folder for media of each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.sdk.media.recorded import Recorded


@pytest.fixture
def run(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path / "files")
