"""What tests of the SDK have in common."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kymograph.sdk import notices
from kymograph.sdk.login import forget_session


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variables of clients, nothing said yet, no key given."""
    for name in os.environ:
        if name.startswith(("WANDB_", "KYMOGRAPH_")):
            monkeypatch.delenv(name)
    notices.forget()
    forget_session()
    yield
    notices.forget()
    forget_session()
