"""``kymograph export``: the history of a run, or everything of a project, as files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

import click

from kymograph.errors import KymographError

if TYPE_CHECKING:
    from kymograph.client.downloads import Downloaded, Downloads

FORMATS = ("parquet", "csv", "jsonl")
_RUNS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """What is exported."""

    entity: str
    project: str
    run: str | None
    server: str | None = None
    """Its address, if it was named by a URL."""

    @property
    def path(self) -> str:
        """Of the project, in REST."""
        return f"/api/v1/projects/{quote(self.entity, safe='')}/{quote(self.project, safe='')}"


def parse_target(text: str) -> Target:
    """Read ``entity/project``, ``entity/project/run``, or the address of a page of one.

    Raises:
        click.UsageError: None of these.
    """
    parts = urlsplit(text)
    is_url = parts.scheme in ("http", "https")
    names = [unquote(part) if is_url else part for part in (parts.path if is_url else text).strip("/").split("/")]
    if len(names) >= 4 and names[2] == "runs":
        names = [*names[:2], names[3]]
    if len(names) not in (2, 3) or not all(names):
        raise click.UsageError(f"{text!r} is neither ENTITY/PROJECT nor ENTITY/PROJECT/RUN nor the address of one")
    server = f"{parts.scheme}://{parts.netloc}" if is_url else None
    return Target(names[0], names[1], names[2] if len(names) == 3 else None, server)


@click.command()
@click.argument("target", metavar="RUN|PROJECT")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="parquet", show_default=True, help="Of the files."
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="File of a run (- is standard output) or folder of a project.  [default: named after it, here]",
)
@click.option(
    "--keys", multiple=True, metavar="METRIC", help="Only this metric, and rows that have it; may be repeated."
)
@click.option("--min-step", type=int, help="First step.")
@click.option("--max-step", type=int, help="Step after the last one.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def export(
    target: str,
    form: str,
    output: str | None,
    keys: Sequence[str],
    min_step: int | None,
    max_step: int | None,
    *,
    overwrite: bool,
) -> None:
    """Write the history of a run, or all histories of a project with its run table, to files.

    RUN is ENTITY/PROJECT/RUN, PROJECT is ENTITY/PROJECT; the address of a page does as well. The server is that of
    WANDB_BASE_URL, with the key of WANDB_API_KEY or netrc.
    """
    found = parse_target(target)
    parameters: dict[str, Any] = {"format": form, "key": list(keys), "min_step": min_step, "max_step": max_step}
    given = {name: value for name, value in parameters.items() if value not in (None, [])}
    with _connect(found.server) as transport, _progress() as progress:
        job = _Job(transport, found, form, given, progress, overwrite=overwrite)
        if found.run is None:
            job.write_project(Path(output or found.project))
        elif output == "-":
            job.write_history(found.run, sys.stdout.buffer)
        else:
            job.write_run(found.run, _file_for(output, found.run, form))


def _connect(server: str | None) -> Downloads:
    from kymograph.cli.connecting import connection_to, settings_here
    from kymograph.client.downloads import Downloads

    return Downloads(connection_to(settings_here(), server))


def _file_for(output: str | None, run: str, form: str) -> Path:
    name = f"{quote(run, safe=' ')}.{form}"
    path = Path(output or name)
    return path / name if path.is_dir() else path


@contextmanager
def _progress() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


class _Job:
    """One export under way."""

    def __init__(
        self,
        transport: Downloads,
        target: Target,
        form: str,
        parameters: dict[str, Any],
        progress: Any,
        *,
        overwrite: bool,
    ) -> None:
        self._transport = transport
        self._target = target
        self._form = form
        self._parameters = parameters
        self._progress = progress
        self._overwrite = overwrite

    def write_project(self, folder: Path) -> None:
        """The table of runs, and below it a file per run."""
        runs = list(self._runs())
        history = folder / "history"
        history.mkdir(parents=True, exist_ok=True)
        table = folder / f"runs.{self._form}"
        with self._whole(table) as sink:
            self._download(f"{self._target.path}/export", sink, {"format": self._form}, "runs")
        for number, run in enumerate(runs, start=1):
            with self._whole(_file_for(str(history), run, self._form)) as sink:
                self.write_history(run, sink, label=f"{number} of {len(runs)}: {run}")
        click.echo(f"{folder}: {len(runs)} histories and {table.name}")

    def write_run(self, run: str, path: Path) -> None:
        """One history."""
        with self._whole(path) as sink:
            done = self.write_history(run, sink)
        click.echo(f"{path}: {done.size_bytes:,} bytes")

    def write_history(self, run: str, sink: BinaryIO, *, label: str | None = None) -> Downloaded:
        """One history to wherever it goes; what the server could not read is said."""
        path = f"{self._target.path}/runs/{quote(run, safe='')}/export"
        done = self._download(path, sink, self._parameters, label or run)
        if done.damaged:
            click.echo(f"run {run}: damaged, and left out: {done.damaged}", err=True)
        return done

    def _download(self, path: str, sink: BinaryIO, parameters: dict[str, Any], label: str) -> Downloaded:
        task = self._progress.add_task(label, total=None)
        try:
            return self._transport.download(
                path, sink, parameters=parameters, note=lambda size: self._progress.advance(task, size)
            )
        finally:
            self._progress.remove_task(task)

    def _runs(self) -> Iterator[str]:
        after: str | None = None
        while True:
            parameters = {"limit": _RUNS_AT_ONCE, "sort": "created_at", **({"after": after} if after else {})}
            page = self._transport.get(f"{self._target.path}/runs", params=parameters)
            yield from (item["id"] for item in page["items"])
            after = page["next"]
            if after is None:
                return

    @contextmanager
    def _whole(self, path: Path) -> Iterator[BinaryIO]:
        """A file that is there once it is whole, and not before."""
        from kymograph.client.files import replacing

        if path.exists() and not self._overwrite:
            raise click.ClickException(f"{path} exists; give another path, or --overwrite")
        try:
            with replacing(path) as sink:
                yield sink
        except KymographError:
            raise
        except OSError as exc:
            raise click.ClickException(f"{path} cannot be written: {exc.strerror or exc}") from exc
