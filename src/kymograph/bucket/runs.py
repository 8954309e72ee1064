"""The run that an upload or a download belongs to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kymograph.bucket.outputs import JOB_VARIABLE
from kymograph.errors import RunActive
from kymograph.sdk.active import active_run

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

_JOB_TAGS = {"job_id": JOB_VARIABLE, "job_name": "NEURO_JOB_NAME", "owner": "NEURO_JOB_OWNER"}
"""Of a job platform. Source: seeds.md B.3."""
QUIET_SETTINGS: dict[str, Any] = {
    "show_info": False,
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "x_disable_stats": True,
    "x_disable_meta": True,
}
"""Of a run that has nothing in it but an artifact."""


def start_run(
    *,
    project: str | None,
    entity: str | None,
    name: str | None = None,
    job_type: str | None = None,
    config: Any = None,
    settings: dict[str, Any] | None = None,
) -> Run:
    """Begin a run; within a job of a platform it gets tags that say which.

    Raises:
        RunActive: One is active.
    """
    from kymograph.sdk.init import init

    active = active_run()
    if active is not None:
        raise RunActive(active.id)
    return init(
        project=project, entity=entity, name=name, job_type=job_type, config=config, tags=job_tags(), settings=settings
    )


def job_tags() -> list[str] | None:
    """Tags that say which job this is; None outside of one."""
    if not os.environ.get(JOB_VARIABLE):
        return None
    return [f"{tag}:{os.environ[variable]}" for tag, variable in _JOB_TAGS.items() if os.environ.get(variable)]
