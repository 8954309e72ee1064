"""``resume="auto"``: a run that did not end well is gone on with by the next start in the same folder.

Source: seeds.md E.6: a file remembers the run's id; it is removed when a run ends with success.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import orjson


def remembered_run(file: Path) -> str | None:
    """The id of the run that is to go on; None if there is none."""
    try:
        document = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    found = document.get("run_id") if isinstance(document, dict) else None
    return found if isinstance(found, str) and found else None


def remember_run(file: Path, run_id: str) -> None:
    """Have the next start go on with a run; if that cannot be written, it will be another run."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(orjson.dumps({"run_id": run_id}))


def forget_run(file: Path) -> None:
    """The run has ended well: the next start is another run."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
