"""Histories as Parquet files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kymograph.client import bulk_reads, public_reads
from kymograph.client.files import replacing
from kymograph.client.operations import Fetch, Operation, together
from kymograph.client.runs import RunAddress
from kymograph.errors import IncompleteRunHistoryError, KymographError
from kymograph.sdk.api.attributes import quoted
from kymograph.sdk.api.either import M
from kymograph.sdk.api.session import ApiSession


@dataclass(frozen=True, slots=True)
class HistoryExports:
    """What was downloaded."""

    paths: list[Path]
    contains_live_data: bool
    """Whether there are rows that are in none of the files."""
    errors: dict[Path, str] | None = None
    """What went wrong, by the file that is not there; None if nothing did."""


def download_exports(
    session: ApiSession[M], at: RunAddress, folder: Path, *, is_whole_required: bool
) -> Operation[HistoryExports]:
    """The history of a run as files in a folder; see `Run.download_history_exports`.

    Our own server writes the file while it is asked, so it is always whole.
    """
    if (yield from session.offers(bulk_reads.FEATURE)):
        urls = [f"{bulk_reads.project_path(at.entity, at.project)}/runs/{quoted(at.run_id)[0]}/export"]
        has_more = False
    else:
        urls, has_more = yield from public_reads.parquet_urls(at)
    if has_more and is_whole_required:
        raise IncompleteRunHistoryError(at.path)
    stem = "_".join((at.entity, at.project, at.run_id))
    paths = [folder / f"{stem}_{number}.runhistory.parquet" for number in range(len(urls))]
    problems = yield from together([_fetch(url, path) for url, path in zip(urls, paths, strict=True)])
    errors = {path: problem for path, problem in zip(paths, problems, strict=True) if problem is not None}
    return HistoryExports([path for path in paths if path not in errors], has_more, errors or None)


def _fetch(url: str, path: Path) -> Operation[str | None]:
    """Fetch a file; gives what went wrong."""
    try:
        with replacing(path) as sink:
            yield Fetch(url, sink)
    except (KymographError, OSError) as exc:
        return str(exc)
    return None
