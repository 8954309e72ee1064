"""``kymograph check``: whether everything that is stored of histories is as it was written."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymograph.errors import ProjectNotFound

if TYPE_CHECKING:
    from kymograph.server.deps import Deployment
    from kymograph.storage.check import Finding, Report
    from kymograph.types import ProjectId


@click.command()
@click.option("--project", metavar="ENTITY/PROJECT", help="Only the histories of this project.")
@click.option("--repair", is_flag=True, help="Build damaged points again where their lines are whole.")
@click.option("--dry-run", is_flag=True, help="With --repair: only say what would be built.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON document.")
@click.option("--data", metavar="DIR", help="Data folder of the server.")
@click.option("--database", metavar="URL", help="Database of the server.")
@click.option("--objects", metavar="URL", help="Object store of the server.")
def check(project: str | None, repair: bool, dry_run: bool, as_json: bool, **flags: str | None) -> None:
    """Read everything that is stored of histories and say what is damaged or missing.

    It works on the database and the objects themselves, beside a running server. Exit status 1 means that something is
    not as it was written.
    """
    from kymograph.server.deps import open_deployment, utc_now
    from kymograph.server.settings import load_settings
    from kymograph.storage.check import Checker

    settings = load_settings(os.environ, **flags)  # type: ignore[arg-type]
    deployment = open_deployment(settings, exclusive=False)
    began = time.monotonic()
    try:
        only = None if project is None else _project_id(deployment, project)
        with tempfile.TemporaryDirectory(prefix="kymograph-check-") as scratch:
            checker = Checker(deployment.database, deployment.objects, utc_now, scratch=Path(scratch))
            report = checker.check(
                project=only, repair=repair and not dry_run, tell=(lambda _: None) if as_json else _print_finding
            )
    finally:
        deployment.close()
    if as_json:
        _print_json(report)
    else:
        _print_rest(report, time.monotonic() - began)
        if dry_run and any(finding.can_repair for finding in report.findings):
            count = sum(finding.can_repair for finding in report.findings)
            click.echo(f"{count} objects would be built again")
    if not report.is_sound:
        sys.exit(1)


def _project_id(deployment: Deployment, address: str) -> ProjectId:
    entity, _, name = address.partition("/")
    found = deployment.database.read(lambda tx: tx.projects.find(entity, name))
    if found is None:
        raise ProjectNotFound(address)
    return found.id


def _print_finding(finding: Finding) -> None:
    problem = finding.problem
    click.echo(f"{finding.object}: {_what(finding)}")
    where = f"  {finding.run}, {finding.stream.value}, steps {finding.first_step:,} to {finding.last_step:,}"
    if problem.metrics:
        where += f", metrics {', '.join(problem.metrics)}"
    if problem.lines:
        where += f", lines {', '.join(f'{frame.first_line:,} to {frame.end - 1:,}' for frame in problem.lines[:5])}"
    click.echo(where)
    click.echo(f"  {finding.advice}")


def _what(finding: Finding) -> str:
    ranges = finding.problem.ranges
    if not ranges:
        return finding.problem.problem
    shown = ", ".join(f"{damaged.begin:,} to {damaged.end:,}" for damaged in ranges[:5])
    more = f" and {len(ranges) - 5} more ranges" if len(ranges) > 5 else ""
    return f"bytes {shown}{more} are damaged"


def _print_rest(report: Report, took_s: float) -> None:
    for problem in report.damaged_chunks:
        click.echo(f"{problem}; restore the database from a backup, or delete the run")
    for problem in report.database_problems:
        click.echo(f"database: {problem}; stop the server, and restore the database from a backup")
    click.echo(
        f"{report.segments:,} segments ({report.objects:,} objects, {report.size_bytes:,} bytes) and "
        f"{report.tail_chunks:,} chunks of lines read in {took_s:.1f} s"
    )
    if report.stray_objects:
        click.echo(
            f"{report.stray_objects:,} objects ({report.stray_bytes:,} bytes) are named by no row; "
            "the server collects them, `kymograph admin gc` does at once"
        )
    if report.overlaps:
        click.echo(f"{report.overlaps:,} streams have newer lines for some of a segment's; compaction joins them")
    repaired = sum(finding.is_repaired for finding in report.findings)
    if repaired:
        click.echo(f"{repaired:,} objects were built again")
    bad = len(report.findings) - repaired + len(report.damaged_chunks) + len(report.database_problems)
    click.echo("everything is as it was written" if not bad else f"{bad:,} problems; see above what to do")


def _print_json(report: Report) -> None:
    import orjson

    document: dict[str, Any] = asdict(report)
    for item, finding in zip(document["findings"], report.findings, strict=True):
        item["advice"] = finding.advice
    click.echo(orjson.dumps({**document, "is_sound": report.is_sound}, option=orjson.OPT_INDENT_2).decode())
