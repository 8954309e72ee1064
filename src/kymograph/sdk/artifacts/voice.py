"""What is said about artifacts, as far as the settings of the active run, or of this process, let it."""

from __future__ import annotations

from kymograph.sdk.artifacts.folders import current_settings
from kymograph.sdk.notices import Voice


def current_voice() -> Voice:
    """The voice of the active run, or of this process."""
    return Voice.of(current_settings())
