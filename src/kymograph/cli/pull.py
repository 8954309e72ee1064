"""``kymograph pull``: the files of a run."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import click

from kymograph.cli.connecting import project_options


@click.command()
@click.argument("run_path", metavar="RUN")
@project_options
@click.option("-o", "--output", metavar="DIR", help="Folder for the files.  [default: named after the run, here]")
@click.option("--name", "patterns", multiple=True, metavar="PATTERN", help="Only files like media/*; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Fetch nothing; list the files.")
@click.option("--json", "as_json", is_flag=True, help="Print what came as one JSON document.")
def pull(
    run_path: str,
    project: str | None,
    entity: str | None,
    output: str | None,
    patterns: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fetch the files of a run: what it saved, its console, requirements, media.

    RUN is ENTITY/PROJECT/RUN, an id alone, or the address of a page. Files that are here already as they are there are
    not fetched again, so it can be stopped and started anew; each is checked by its MD5.
    """
    import json

    from kymograph.cli.connecting import connected_to
    from kymograph.cli.local import counted, shown_bytes, shown_path
    from kymograph.client.run_reads import RemoteFile
    from kymograph.sdk.pulling import Pulled, pull_files

    with connected_to(run_path, project, entity) as (reads, at):
        files = [
            file
            for file in reads.iter_files(at)
            if not patterns or any(fnmatchcase(file.name, pattern) for pattern in patterns)
        ]
        folder = Path(output or at.run_id)
        if dry_run:
            if as_json:
                click.echo(json.dumps([{"name": file.name, "size_bytes": file.size_bytes} for file in files], indent=2))
            else:
                for file in files:
                    click.echo(f"{file.name}  {shown_bytes(file.size_bytes)}")
            return

        def note(file: RemoteFile, pulled: Pulled) -> None:
            if not as_json:
                click.echo(f"{file.name}  {'is here already' if pulled.was_there else shown_bytes(pulled.size_bytes)}")

        done = pull_files(reads, files, folder, note=note)
    if as_json:
        items = [{"path": str(item.path), "size_bytes": item.size_bytes, "was_there": item.was_there} for item in done]
        click.echo(json.dumps(items, indent=2))
        return
    came = [item for item in done if not item.was_there]
    total = shown_bytes(sum(item.size_bytes for item in came))
    fetched = f"{counted(len(came), 'file')} fetched ({total})"
    click.echo(f"{shown_path(folder.absolute())}: {fetched}, {len(done) - len(came)} were here")
