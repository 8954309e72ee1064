"""Commands of ``wabucket`` about what is in a bucket: ls, verify, cp, rm, gc."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymograph.bucket.cli_options import GlobalOptions, as_json_option, dry_run_option, tell, yes_option
from kymograph.core.wording import counted, shown_bytes

if TYPE_CHECKING:
    from kymograph.bucket.api import WaBucketRefAPI
    from kymograph.bucket.claims import Claim
    from kymograph.bucket.removing import Plan
    from kymograph.sdk.artifacts.artifact import Artifact

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SHOWN_LINES = 20


class Duration(click.ParamType[float]):
    """A time such as ``90m``, ``12h``, ``7d``; a number alone is in hours."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The time in s."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no time: write 90m, 12h or 7d", param, ctx)
        return float(found[1]) * _UNITS_S[found[2] or "h"]


@click.command("ls")
@click.argument("name", required=False)
@as_json_option
@click.pass_obj
def list_uploads(options: GlobalOptions, name: str | None, *, as_json: bool) -> None:
    """List what was uploaded to the bucket, or the files of a version.

    NAME is NAME for all its uploads, or NAME:ALIAS for the files of one version.
    """
    api = options.api(as_json=as_json)
    if name is not None and ":" in name:
        _list_files(api, api.client.find(name), as_json=as_json)
        return
    from kymograph.bucket.claims import Claims

    claims = [claim for claim in Claims(api.bucket).all() if name in (None, claim.name)]
    claims.sort(key=lambda claim: (claim.type, claim.name, claim.begun_at_s))
    if as_json:
        tell({"bucket": api.bucket.url, "uploads": [_claim_document(claim) for claim in claims]}, as_json=True)
        return
    for claim in claims:
        when = datetime.fromtimestamp(claim.begun_at_s, UTC).strftime("%Y-%m-%d %H:%M")
        size = f"{counted(claim.file_count, 'file')}, {shown_bytes(claim.size_bytes)}"
        state = claim.version or claim.state.value
        click.echo(f"{claim.type} {claim.name}:{claim.alias}  {size}  {when}  {state}")
    click.echo(f"{counted(len(claims), 'upload')} in {api.bucket.url}", err=True)


def _claim_document(claim: Claim) -> dict[str, Any]:
    return {
        "type": claim.type,
        "name": claim.name,
        "alias": claim.alias,
        "state": claim.state.value,
        "version": claim.version,
        "folder": claim.folder,
        "size_bytes": claim.size_bytes,
        "file_count": claim.file_count,
        "begun_at": datetime.fromtimestamp(claim.begun_at_s, UTC).isoformat(),
        "owner": {"server": claim.server, "entity": claim.entity, "project": claim.project},
    }


def _list_files(api: WaBucketRefAPI, artifact: Artifact, *, as_json: bool) -> None:
    from kymograph.sdk.artifacts.version_names import full_name

    entries = api.entries(artifact)
    if as_json:
        files = [
            {"path": one.path, "size_bytes": one.size, "digest": one.digest, "ref": one.ref, **one.extra}
            for one in entries
        ]
        tell({"name": full_name(artifact), "type": artifact.type, "files": files}, as_json=True)
        return
    for entry in entries:
        click.echo(f"{'?' if entry.size is None else shown_bytes(entry.size):>10}  {entry.path}  {entry.ref or ''}")
    size = shown_bytes(sum(entry.size or 0 for entry in entries))
    click.echo(f"{full_name(artifact)}: {counted(len(entries), 'file')}, {size}", err=True)


@click.command()
@click.argument("name")
@click.option("--content", is_flag=True, help="Fetch and hash every file, rather than ask the bucket for checksums.")
@click.option(
    "-d",
    "--destination-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Check this folder on this machine instead of the bucket.",
)
@as_json_option
@click.pass_obj
def verify(options: GlobalOptions, name: str, destination_folder: Path | None, *, content: bool, as_json: bool) -> None:
    """Check that the files of a version are in the bucket, and are what they were.

    NAME is [[ENTITY/]PROJECT/]NAME:ALIAS. Exit status 1 means that something is missing or changed.
    """
    from kymograph.bucket.checking import check_entries, check_folder
    from kymograph.sdk.artifacts.version_names import full_name

    api = options.api(as_json=as_json)
    artifact = api.client.find(name)
    entries = api.entries(artifact)
    if destination_folder is not None:
        found = check_folder(entries, destination_folder)
    else:
        found = check_entries(entries, artifact.references, with_content=content)
    lines = [f"{what:8} {path}" for what in ("missing", "changed") for path in getattr(found, what)]
    verdict = "all is as it was" if found.is_whole else f"{len(found.missing)} missing, {len(found.changed)} changed"
    unknown = f", {counted(len(found.unchecked), 'file')} without a checksum to compare" if found.unchecked else ""
    document = {
        "name": full_name(artifact),
        "missing": found.missing,
        "changed": found.changed,
        "checked": found.checked,
        "unchecked": found.unchecked,
    }
    tell(
        document,
        *lines,
        f"{full_name(artifact)}: {counted(found.checked, 'file')} checked{unknown}; {verdict}",
        as_json=as_json,
    )
    if not found.is_whole:
        raise SystemExit(1)


@click.command("cp")
@click.argument("source")
@click.option("-n", "--name", required=True, help="Name of the copy.")
@click.option("-a", "--alias", help="Name of its version.  [default: one that the source has]")
@click.option("--overwrite", is_flag=True, help="Though there is a version of this alias.")
@as_json_option
@click.pass_obj
def copy(options: GlobalOptions, source: str, name: str, alias: str | None, *, overwrite: bool, as_json: bool) -> None:
    """Copy a version into the bucket, as a version of another artifact.

    SOURCE is [[ENTITY/]PROJECT/]NAME:ALIAS, from whatever bucket it refers to; --bucket says where the copy goes.
    Within one kind of place the files are copied there, and do not pass through this machine.
    """
    from kymograph.sdk.artifacts.version_names import full_name

    with options.api_in_run(as_json=as_json) as api:
        made = api.copy(source, name, art_alias=alias, overwrite=overwrite)
        shown = f"{name}, which waits for `kymograph sync`" if made is None else full_name(made)
        document = {"name": shown, "bucket": api.bucket.url, "is_synced": made is not None}
        tell(document, f"{source} is in {api.bucket.url} as {shown}", as_json=as_json)


@click.command("rm")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also what a run has used, or a link leads to.")
@dry_run_option
@yes_option
@as_json_option
@click.pass_obj
def remove(
    options: GlobalOptions, names: tuple[str, ...], *, force: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete versions and their files in the bucket.

    NAME is [[ENTITY/]PROJECT/]NAME:ALIAS. Refused is what a run has used, or a link leads to. Files that another
    version refers to stay, as do files that were not uploaded by wabucket. It cannot be undone: the tracker can restore
    a version for some time, and the bucket its files only if it keeps versions itself.
    """
    from kymograph.bucket.removing import Remover

    unnamed = [name for name in names if ":" not in name]
    if unnamed:
        raise click.UsageError(f"{unnamed[0]!r} names no version: write {unnamed[0]}:ALIAS or {unnamed[0]}:v3")
    api = options.api(as_json=as_json)
    found = [api.client.find(name) for name in names]
    versions = list({version.id: version for version in found}.values())
    remover = Remover(api.bucket, api.client)
    plan = remover.plan_removal(versions, force=force)
    _carry_out(remover, plan, dry_run=dry_run, yes=yes, as_json=as_json)


@click.command("gc")
@click.option(
    "--older-than",
    type=Duration(),
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Uploads that were not worked for this long (90m, 12h, 7d) are given up.",
)
@click.option(
    "--with-unsynced", is_flag=True, help="Also files of versions that wait for `kymograph sync`, or were given up."
)
@dry_run_option
@yes_option
@as_json_option
@click.pass_obj
def collect(
    options: GlobalOptions, older_than: float, *, with_unsynced: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete files in the bucket that no version needs.

    These are leavings of uploads that were interrupted and never taken up, and files of versions that were deleted
    elsewhere. Only what wabucket uploaded is looked at, and every version in every project of the entity is asked
    first.
    """
    from kymograph.bucket.removing import Remover

    api = options.api(as_json=as_json)
    remover = Remover(api.bucket, api.client)
    plan = remover.plan_collection(older_than_s=older_than, with_unsynced=with_unsynced)
    _carry_out(remover, plan, dry_run=dry_run, yes=yes, as_json=as_json)


def _carry_out(remover: Any, plan: Plan, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show a plan, ask, and do it."""
    from kymograph.sdk.artifacts.version_names import full_name

    versions = [full_name(version) for version in plan.versions]
    whole = f"{counted(len(plan.objects), 'object')}, {shown_bytes(plan.size_bytes)}"
    if not as_json:
        for name in versions:
            click.echo(f"  {name}")
        for found in plan.objects[:_SHOWN_LINES]:
            click.echo(f"  {found.ref}  {shown_bytes(found.size_bytes)}")
        if len(plan.objects) > _SHOWN_LINES:
            click.echo(f"  … and {len(plan.objects) - _SHOWN_LINES:,} more objects; --json lists them all")
        for where, why in plan.kept.items():
            click.echo(f"  {where} stays: {why}", err=True)
    has_work = bool(plan.versions or plan.objects or plan.claims)
    if has_work and not dry_run:
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise click.UsageError("nobody is there to ask: say --yes to delete, or --dry-run")
            click.confirm(f"Delete {counted(len(versions), 'version')} and {whole}?", abort=True)
        remover.carry_out(plan)
    document = {
        "dry_run": dry_run,
        "versions": versions,
        "objects": [found.ref for found in plan.objects],
        "size_bytes": plan.size_bytes,
        "kept": plan.kept,
    }
    verb = "would be deleted" if dry_run else "deleted"
    tell(
        document,
        f"{counted(len(versions), 'version')} and {whole} {verb}" if has_work else "there is nothing to delete",
        as_json=as_json,
    )


MANAGEMENT: tuple[click.Command, ...] = (list_uploads, verify, copy, remove, collect)
"""As the help lists them."""
