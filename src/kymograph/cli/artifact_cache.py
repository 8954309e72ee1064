"""``kymograph artifact cache``: contents of artifacts that are kept on this machine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from kymograph.cli.examples import examples
from kymograph.cli.local import counted, shown_bytes

if TYPE_CHECKING:
    from kymograph.client.artifact_cache import ArtifactCache

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]I?)?B?", re.IGNORECASE)


def parse_size(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    """Bytes of a size such as ``10GB``, ``512 MiB`` or ``0``.

    Raises:
        click.BadParameter: It is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is no size: write 10GB, 512MB or 0")
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])


@click.group("cache")
def cache() -> None:
    """Contents of artifacts that this machine keeps, so that they need not be fetched again.

    The cache keeps to its bound by itself: what was used least recently goes first. WANDB_CACHE_DIR moves it, the
    setting artifact_cache_max_bytes bounds it.
    """


@cache.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON document; sizes in bytes.")
def list_cache(*, as_json: bool) -> None:
    """Say where the cache is, what it holds, and how much it may."""
    found = _cache_here()
    contents, drafts = found.contents(), found.drafts()
    size_bytes, draft_bytes = (sum(one.size_bytes for one in some) for some in (contents, drafts))
    if as_json:
        document = {
            "folder": str(found.folder),
            "files": len(contents),
            "size_bytes": size_bytes,
            "max_bytes": found.max_bytes,
            "temporary_files": len(drafts),
            "temporary_bytes": draft_bytes,
        }
        click.echo(json.dumps(document, indent=2))
        return
    bound = f"of the {shown_bytes(found.max_bytes)} that it may hold"
    click.echo(f"{found.folder}: {counted(len(contents), 'file')}, {shown_bytes(size_bytes)} {bound}")
    if drafts:
        left = f"{counted(len(drafts), 'file')}, {shown_bytes(draft_bytes)}"
        click.echo(f"{left} are being written, or were when a download was killed: cleanup --remove-temp")


@cache.command(
    "cleanup",
    epilog=examples(
        ("kymograph artifact cache cleanup 10GB", ""), ("kymograph artifact cache cleanup 0 --remove-temp", "all of it")
    ),
)
@click.argument("target_size", metavar="TARGET_SIZE", callback=parse_size)
@click.option("--remove-temp", is_flag=True, help="Also files that are being written; no download may be under way.")
def cleanup(target_size: Any, *, remove_temp: bool) -> None:
    """Delete contents until the cache takes no more than TARGET_SIZE, such as 10GB; those used least recently first.

    Nothing is lost: what is needed again is fetched again.
    """
    freed = _cache_here().cleanup(target_size, remove_temp=remove_temp)
    click.echo(f"{shown_bytes(freed)} freed")


def _cache_here() -> ArtifactCache:
    from kymograph.cli.connecting import settings_here
    from kymograph.client.artifact_cache import ArtifactCache
    from kymograph.sdk.artifacts.folders import artifact_folders

    folders = artifact_folders(settings_here())
    return ArtifactCache(folders.cache, max_bytes=folders.max_cache_bytes)
