"""How bad a thing is that a run tells people."""

from __future__ import annotations

from enum import Enum


class AlertLevel(Enum):
    """What `Run.alert` takes as its level, besides its name."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
