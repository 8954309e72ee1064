"""``kymograph artifact du``, ``gc`` and ``purge``: what artifacts take on a server, and giving it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from kymograph.cli.connecting import connection_to, settings_here
from kymograph.cli.local import counted, shown_bytes

if TYPE_CHECKING:
    from kymograph.client.transport import Transport
    from kymograph.sdk.settings import Settings

_PAGE = 1_000
_LINES = 50
_CLEANING_S = 3600.0
"""How long the server may be silent while it frees much."""


@click.command()
@click.argument("path", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in bytes.")
@click.option("--all", "shows_all", is_flag=True, help=f"List everything, not only the {_LINES} largest.")
def du(path: str | None, as_json: bool, shows_all: bool) -> None:
    """Print what a project, or a collection of one, takes on the server.

    PATH is [ENTITY/]PROJECT, or ENTITY/PROJECT/COLLECTION.  [default: WANDB_ENTITY and WANDB_PROJECT] What is "own"
    would be free if that collection or version went; the rest is shared with others. All numbers are exact.
    """
    settings = settings_here()
    with _transport(settings) as transport:
        project, collection = _place_of(transport, settings, path)
        address = f"{project}/storage/collections"
        if collection is not None:
            address += f"/{quote(collection, safe='')}"
        whole, items = _pages(transport, address, shows_all=shows_all or as_json)
        # The head of a page about a collection is that collection; a project has an address of its own.
        head = whole["collection"] if collection is not None else transport.get(f"{project}/storage")
    if as_json:
        _print_json({"total": head, "items": items})
        return
    if collection is None:
        _print_project(head)
    else:
        own, shared = shown_bytes(head["own_bytes"]), shown_bytes(head["shared_bytes"])
        click.echo(f"{own} own, {shared} shared, {counted(head['versions'], 'version')}")
    _print_items(items, whole["total"])


@click.command()
@click.option("--dry-run", is_flag=True, help="Change nothing, only say what would go.")
@click.option("--orphans", is_flag=True, help="List where database and object store do not agree, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in bytes.")
def gc(dry_run: bool, orphans: bool, as_json: bool) -> None:
    """Let the server free now what artifacts no longer need; it does so by itself every few minutes.

    Versions whose time to live is over are deleted; deleted versions that can no longer be restored, abandoned drafts
    and content that nobody has any more are removed for good. Needs an administrator's key.
    """
    with _transport(settings_here()) as transport:
        if orphans:
            _print_orphans(transport.get("/api/v1/admin/artifacts/orphans"), as_json=as_json)
            return
        done = _clean(transport, "/api/v1/admin/artifacts/collect", dry_run=dry_run)
    if as_json:
        _print_json(done)
    else:
        _print_collected(done, dry_run=dry_run)


@click.command()
@click.argument("path", required=False)
@click.option("--dry-run", is_flag=True, help="Change nothing, only say what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def purge(path: str | None, dry_run: bool, yes: bool) -> None:
    """Give up all deleted versions of a project now: they cannot be restored any more, and their space is freed.

    PATH is [ENTITY/]PROJECT.  [default: WANDB_ENTITY and WANDB_PROJECT] What another version, a link, or a run of
    another project needs stays. Needs an administrator of the project.
    """
    settings = settings_here()
    with _transport(settings) as transport:
        project, collection = _place_of(transport, settings, path)
        if collection is not None:
            raise click.UsageError("a whole project is purged: write ENTITY/PROJECT")
        address = f"{project}/artifacts/purge"
        if not dry_run and not yes:
            foreseen = _clean(transport, address, dry_run=True)
            _print_collected(foreseen, dry_run=True)
            click.confirm("These versions cannot be restored afterwards. Go on?", abort=True)
        done = _clean(transport, address, dry_run=dry_run)
    _print_collected(done, dry_run=dry_run)


SPACE_COMMANDS: tuple[click.Command, ...] = (du, gc, purge)


def _transport(settings: Settings) -> Transport:
    from kymograph.client.transport import Transport

    return Transport(connection_to(settings))


def _place_of(transport: Transport, settings: Settings, path: str | None) -> tuple[str, str | None]:
    """Address of the project that a path means, and the collection if it names one."""
    from kymograph.cli.sql import project_of

    parts = (path or "").strip("/").split("/")
    if len(parts) > 3 or (path and not all(parts)):
        raise click.UsageError(f"{path!r} is no place: write ENTITY/PROJECT or ENTITY/PROJECT/COLLECTION")
    collection = parts[2] if len(parts) == 3 else None
    entity, project = project_of(transport, settings, "/".join(parts[:2]) or None)
    return f"/api/v1/projects/{quote(entity, safe='')}/{quote(project, safe='')}", collection


def _pages(transport: Transport, address: str, *, shows_all: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first page, and the items of all pages or of that one."""
    first = page = transport.get(f"{address}?limit={_PAGE if shows_all else _LINES}")
    items: list[dict[str, Any]] = list(page["items"])
    while shows_all and page["next"]:
        page = transport.get(f"{address}?limit={_PAGE}&after={quote(page['next'])}")
        items += page["items"]
    return first, items


def _clean(transport: Transport, address: str, *, dry_run: bool) -> dict[str, int]:
    answer = transport.request("POST", address, json={"dry_run": dry_run}, timeout_s=_CLEANING_S)
    done: dict[str, int] = answer.json()
    return done


def _print_project(space: dict[str, Any]) -> None:
    for name, key, what in (
        ("live", "live_bytes", counted(space["versions"], "version")),
        ("deleted", "trashed_bytes", f"{counted(space['trashed_versions'], 'version')}, can be restored"),
        ("drafts", "draft_bytes", f"{counted(space['drafts'], 'draft')}, and what the collector has yet to free"),
        ("runs", "run_bytes", "files and histories"),
    ):
        click.echo(f"{name:8} {shown_bytes(space[key]):>10}  {what}")


def _print_items(items: list[dict[str, Any]], total: int) -> None:
    from kymograph.cli.sql import printable

    click.echo(f"{'own':>10} {'shared':>10}")
    for item in items:
        name = printable(item.get("name") or ", ".join([item["version"], *item["aliases"]]))
        click.echo(f"{shown_bytes(item['own_bytes']):>10} {shown_bytes(item['shared_bytes']):>10}  {name}")
    if total > len(items):
        click.echo(f"{total - len(items):,} more; --all lists them", err=True)


def _print_collected(done: dict[str, int], *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    click.echo(
        f"{done['expired']:,} expired versions {would}deleted, {done['purged']:,} deleted versions and "
        f"{done['drafts']:,} drafts {would}removed, "
        f"{shown_bytes(done['size_bytes'])} in {done['objects']:,} objects {would}freed"
    )


def _print_json(document: object) -> None:
    import orjson

    click.echo(orjson.dumps(document).decode())


def _print_orphans(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
    for what, advice in (
        ("missing", "versions need it, and it is not there: put it back from a backup"),
        ("unnamed", "no row names it: the collector removes it"),
    ):
        for one in () if as_json else found[what]:
            click.echo(f"{what}  {shown_bytes(one['size_bytes']):>10}  {one['key']}  ({advice})")
    if not as_json and not found["missing"] and not found["unnamed"]:
        click.echo("database and object store agree")
    if found["missing"]:
        raise SystemExit(1)
