"""What tests of following TensorBoard have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kymograph.sdk.tensorboard import reset_state, unpatch


@pytest.fixture(autouse=True)
def unpatched() -> Iterator[None]:
    """Writers are what they were, after each test."""
    yield
    unpatch()
    reset_state()
