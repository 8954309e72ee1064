"""The compactor of a deployment."""

from __future__ import annotations

from pathlib import Path

from kymograph.core.history import LineBatch, Stream
from kymograph.services.history import StreamUpdate
from kymograph.testing.deployments import open_test_deployment


def test_console_lines_stay_where_the_console_reads_them(tmp_path: Path) -> None:
    lines = [f"2026-11-22T04:29:05.261346 line {number} {'x' * 200}" for number in range(60_000)]
    with open_test_deployment(tmp_path, objects=(tmp_path / "objects").as_uri()) as deployment:
        run, services = deployment.run(), deployment.services
        update = StreamUpdate([LineBatch(Stream.CONSOLE, 0, lines)])
        services.history.record(deployment.admin, "admin", "project", "run", update)

        made = services.compactor.work()

        assert made == 0
        assert len(services.history.console(run, first=0, limit=len(lines))) == len(lines)
