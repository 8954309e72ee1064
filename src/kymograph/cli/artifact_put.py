"""``kymograph artifact put``: a file or folder becomes a version."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymograph.cli.artifact_connecting import ArtifactName, artifact_server, complete_name, split_artifact
from kymograph.cli.examples import examples
from kymograph.cli.local import counted, shown_bytes, shown_path

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.run import Run

JOB_TYPE = "cli_put"
"""Of the run that a version is put by. Source: the vendor's client 0.31.0."""
LOOK_EVERY_S = 0.2


@click.command(
    "put",
    epilog=examples(
        ("kymograph artifact put data/", 'artifact "data" of your project'),
        ("kymograph artifact put model.pt -n me/digits/net -t model -a best", ""),
        ("kymograph artifact put s3://bucket/images -n images", "a reference: noted, not uploaded"),
    ),
)
@click.argument("path", type=click.Path())
@click.option(
    "-n",
    "--name",
    metavar="NAME",
    shell_complete=complete_name,
    help="[[ENTITY/]PROJECT/]NAME of the artifact.  [default: the last part of PATH]",
)
@click.option("-d", "--description", metavar="TEXT", help="What it is; shown as Markdown.")
@click.option("-t", "--type", "type_name", default="dataset", show_default=True, help="What kind of thing it is.")
@click.option("-a", "--alias", "aliases", multiple=True, help="A name of the version, beside latest; may be repeated.")
@click.option("--id", "run_id", metavar="RUN", help="Log it by the run of this id.  [default: a new run]")
@click.option("--resume", is_flag=True, help="Go on with that run; without --id, with the last one of this folder.")
@click.option("--skip-cache", "--skip_cache", is_flag=True, help="Keep no copy of the files in the cache.")
@click.option(
    "--policy",
    type=click.Choice(["mutable", "immutable"]),
    default="mutable",
    show_default=True,
    help="immutable: nobody changes the files while they are sent, so no copies are made.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the version as one JSON document.")
def put(
    path: str,
    name: str | None,
    description: str | None,
    type_name: str,
    aliases: tuple[str, ...],
    run_id: str | None,
    policy: str,
    *,
    resume: bool,
    skip_cache: bool,
    as_json: bool,
) -> None:
    """Upload a file or folder as a new version of an artifact.

    Content that the server has is not sent again, and if nothing changed there is no new version. It can be stopped at
    any time: `kymograph sync` sends the rest.
    """
    from kymograph.sdk.artifacts.artifact import Artifact

    asked = split_artifact(name) if name else ArtifactName(os.path.basename(os.path.normpath(path)))
    if asked.version is not None:
        raise click.UsageError("the server counts versions: leave out the colon; --alias names the version")
    if not os.path.exists(path) and "://" not in path:
        raise click.UsageError(f"there is no file or folder {path!r}, and it is no address such as s3://bucket/path")
    artifact = Artifact(asked.collection, type_name, description=description)
    with artifact_server(asked.server) as server:
        entity, project = server.place(asked.entity, asked.project)
    with _begun(entity, project, run_id, path, is_resumed=resume) as run:
        # Copies that are needed lie in the folder of the run, where they can be links.
        with _reading():
            _fill(artifact, path, policy, skip_cache=skip_cache)
        whole = f"{counted(artifact.file_count, 'file')}, {shown_bytes(artifact.size)}"
        click.echo(f"{path}: {whole}, as {type_name} {entity}/{project}/{artifact.name}", err=True)
        run.log_artifact(artifact, aliases=list(aliases))
        if run.offline:
            click.echo(f"kept on this machine; send it with: kymograph sync {shown_path(Path(run.sync_dir))}")
            return
        _wait(artifact, run)
        maker = artifact.logged_by()
    _tell(artifact, is_new=maker is None or maker.id == run.id, as_json=as_json)


@contextmanager
def _begun(entity: str, project: str, run_id: str | None, path: str, *, is_resumed: bool) -> Iterator[Run]:
    """A run that has nothing in it but the artifact."""
    from kymograph.sdk.init import init

    settings = {
        "show_info": False,
        "console": "off",
        "disable_code": True,
        "disable_git": True,
        "x_disable_stats": True,
        "x_disable_meta": True,
    }
    with init(
        entity=entity,
        project=project,
        id=run_id,
        resume=None if not is_resumed else "allow" if run_id else "auto",
        job_type=JOB_TYPE,
        config={"path": path},
        settings=settings,
    ) as run:
        yield run


def _fill(artifact: Artifact, path: str, policy: Any, *, skip_cache: bool) -> None:
    if os.path.isdir(path):
        artifact.add_dir(path, skip_cache=skip_cache, policy=policy)
    elif os.path.isfile(path):
        artifact.add_file(path, skip_cache=skip_cache, policy=policy)
    else:
        artifact.add_reference(path)


@contextmanager
def _reading() -> Iterator[None]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status("reading files"):
        yield


def _wait(artifact: Artifact, run: Run) -> None:
    """Wait until the server has the version; in a terminal with a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from kymograph.errors import WaitTimeoutError

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("sending", total=max(artifact.size, 1))
        while True:
            try:
                artifact.wait(LOOK_EVERY_S)
                return
            except WaitTimeoutError:
                progress = run._link.progress if run._link is not None else {}
                bar.update(task, completed=int(str(progress.get("bytes_sent") or 0)))


def _tell(artifact: Artifact, *, is_new: bool, as_json: bool) -> None:
    if as_json:
        import json

        from kymograph.cli.artifact_view import brief

        click.echo(json.dumps({**brief(artifact), "is_new": is_new, "url": artifact.url}, indent=2))
        return
    named = f"{artifact.qualified_name}  ({', '.join(artifact.aliases)})"
    click.echo(named if is_new else f"nothing has changed: {named}")
    click.echo(f'  in a run:  run.use_artifact("{artifact.qualified_name}")')
    click.echo(f"  here:      kymograph artifact get {artifact.qualified_name}")
    if artifact.url:
        click.echo(f"  its page:  {artifact.url}")
