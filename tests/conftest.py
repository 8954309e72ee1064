"""Fixtures for every test folder."""

from __future__ import annotations

import pytest

pytest_plugins = ("tests.e2e.fixtures", "kymograph.testing.plugin")
"""Real servers and clients, and our own test kit; nothing starts before a test asks for it."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio alone: it is what the server runs on."""
    return "asyncio"
