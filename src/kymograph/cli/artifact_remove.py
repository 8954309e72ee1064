"""``kymograph artifact rm``: versions go."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kymograph.cli.artifact_connecting import artifact_server, complete_name, named_together, split_artifact
from kymograph.cli.examples import examples
from kymograph.cli.local import counted, shown_bytes

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

_AT_ONCE = 4


@click.command(
    "rm",
    epilog=examples(
        ("kymograph artifact rm data:v3 data:v4", ""),
        ("kymograph artifact rm data --all-versions --dry-run", "those without an alias"),
        ("kymograph artifact rm data --all-versions --delete-aliases", "all of them"),
    ),
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_name)
@click.option("--dry-run", is_flag=True, help="Delete nothing; say what would go.")
@click.option("--delete-aliases", is_flag=True, help="Also versions that have an alias, such as latest.")
@click.option("--all-versions", is_flag=True, help="A NAME without a version means all its versions.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what went as one JSON document.")
def remove(
    names: tuple[str, ...], *, dry_run: bool, delete_aliases: bool, all_versions: bool, yes: bool, as_json: bool
) -> None:
    """Delete versions of artifacts.

    A version that has an alias stays, unless you say --delete-aliases: latest is one. Of a link only the link goes.
    Content that other versions share stays for them.

    Our server keeps deleted versions for a week, in which they can be restored, and then frees their space; `kymograph
    artifact purge` frees it at once. Exit status 1 means that a version you named stays.
    """
    from kymograph.sdk.artifacts.version_names import full_name

    asked = [split_artifact(name) for name in names]
    for name, parts in zip(names, asked, strict=True):
        if parts.version is None and not all_versions:
            raise click.UsageError(f"{name!r} names no version: write {name}:v3, or say --all-versions")
    with artifact_server(named_together(asked)) as server:
        chosen: dict[str, Artifact] = {}
        for parts in asked:
            found = [server.find(parts)] if parts.version is not None else server.versions(server.collection(parts))
            chosen |= {full_name(one): one for one in found}
        stay = [one for one in chosen.values() if one.aliases and not one.is_link and not delete_aliases]
        go = [one for one in chosen.values() if one not in stay]
        if not as_json:
            _list(go, stay)
        if go and not dry_run and not yes:
            _ask(go, as_json=as_json)
        failed = {} if dry_run else _delete(go, with_aliases=delete_aliases)
    gone = [full_name(one) for one in go if full_name(one) not in failed]
    if as_json:
        document = {
            "dry_run": dry_run,
            "deleted": gone,
            "have_aliases": [full_name(one) for one in stay],
            "failed": failed,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{counted(len(gone), 'version')} {'would be deleted' if dry_run else 'deleted'}")
    for title, problem in failed.items():
        click.echo(f"not deleted: {title}: {problem}", err=True)
    if failed or (stay and any(parts.version is not None for parts in asked)):
        raise SystemExit(1)


def _list(go: Sequence[Artifact], stay: Sequence[Artifact]) -> None:
    from kymograph.sdk.artifacts.version_names import full_name

    for one in go:
        aliases = f"  ({', '.join(one.aliases)})" if one.aliases else ""
        what = f"link to {one.source_qualified_name}" if one.is_link else shown_bytes(one.size)
        click.echo(f"  {full_name(one)}  {what}{aliases}")
    for one in stay:
        names = ", ".join(one.aliases)
        click.echo(f"  {full_name(one)} stays: it is {names}; --delete-aliases deletes it all the same", err=True)


def _ask(go: Sequence[Artifact], *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: say --yes to delete, or --dry-run")
    click.confirm(f"Delete {counted(len(go), 'version')}?", abort=True)


def _delete(go: Sequence[Artifact], *, with_aliases: bool) -> dict[str, str]:
    """Delete versions; returns why some were not, by their names."""
    from kymograph.client.parallel import in_parallel
    from kymograph.errors import KymographError, TransportError
    from kymograph.sdk.artifacts.version_names import full_name

    def delete(one: Artifact) -> str | None:
        try:
            if one.is_link:
                one.unlink()
            else:
                one.delete(delete_aliases=with_aliases)
        except TransportError:
            raise
        except KymographError as exc:
            return str(exc)
        return None

    problems = in_parallel(delete, go, threads=_AT_ONCE)
    return {full_name(one): problem for one, problem in zip(go, problems, strict=True) if problem is not None}
