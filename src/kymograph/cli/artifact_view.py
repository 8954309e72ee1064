"""Artifacts in the terminal, and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kymograph.cli.local import counted, shown_bytes
from kymograph.cli.run import printable
from kymograph.client.artifact_values import RemoteArtifact, RemoteCollection
from kymograph.core import exact_json
from kymograph.core.flatten import iter_leaves
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.difference import ManifestDifference
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.version_names import full_name, short_name


def brief(artifact: Artifact) -> dict[str, Any]:
    """A version for programs."""
    return {
        "name": full_name(artifact),
        "version": artifact.version,
        "type": artifact.type,
        "aliases": artifact.aliases,
        "tags": artifact.tags,
        "digest": artifact.digest,
        "size_bytes": artifact.size,
        "file_count": artifact.file_count,
        "description": artifact.description,
        "metadata": exact_json.to_strict(artifact.metadata),
        "created_at": artifact.created_at,
    }


def file_document(entry: ArtifactManifestEntry) -> dict[str, Any]:
    """A file for programs."""
    return {"path": entry.path, "size_bytes": entry.size, "digest": entry.digest, "ref": entry.ref}


def print_collections(
    described: Sequence[tuple[RemoteCollection, tuple[str, RemoteArtifact | None, int]]],
) -> None:
    """A table of collections, each with its newest version and how many there are."""
    rows = []
    for one, (version, remote, count) in described:
        size = ("", "", "") if remote is None else _facts_of(remote)
        name = one.address.name if one.is_sequence else f"{one.address.name} (links)"
        rows.append((one.type_name, name, version, f"{count:,}", *size))
    columns = {"type": str, "name": str, "newest": str, "versions": int, "files": int, "size": int, "updated": str}
    _print_table(columns, rows)


def _facts_of(remote: RemoteArtifact) -> tuple[str, str, str]:
    return f"{remote.file_count:,}", shown_bytes(remote.size_bytes), shown_time(remote.created_at)


def print_versions(versions: Sequence[Artifact]) -> None:
    """A table of versions."""
    rows = [
        (
            one.version,
            ", ".join(one.aliases),
            f"{one.file_count:,}",
            shown_bytes(one.size),
            shown_time(one.created_at),
            ", ".join(one.tags),
        )
        for one in versions
    ]
    _print_table({"version": str, "aliases": str, "files": int, "size": int, "created": str, "tags": str}, rows)


def print_files(artifact: Artifact, entries: Sequence[ArtifactManifestEntry], *, limit: int | None) -> None:
    """A table of files, or of the first few, and what all come to."""
    shown = entries[:limit]
    has_references = any(entry.ref for entry in shown)
    _print_table(
        {"size": int, "path": str, **({"refers to": str} if has_references else {})},
        [(_size(entry), entry.path, *([entry.ref or ""] if has_references else [])) for entry in shown],
    )
    left = len(entries) - len(shown)
    total = f"{short_name(artifact)}: {counted(len(entries), 'file')}, {shown_bytes(artifact.size)}"
    click.echo(f"{total}; {left:,} smaller ones are not shown, --all lists them" if left else total)


def print_artifact(
    artifact: Artifact,
    *,
    made_by: str | None,
    used_by: Sequence[str],
    links: Sequence[str],
    source: str | None,
    ttl: timedelta | None,
) -> None:
    """Everything about a version."""
    console = Console(highlight=False)
    heading = Text(printable(full_name(artifact)), style="bold")
    heading.append(f"  {artifact.type}", style="dim")
    console.print(heading)
    facts = {
        "page": artifact.url,
        "link to": source,
        "aliases": ", ".join(artifact.aliases),
        "tags": ", ".join(artifact.tags),
        "files": f"{artifact.file_count:,}, {shown_bytes(artifact.size)}",
        "digest": artifact.digest,
        "created": shown_time(artifact.created_at),
        "made by": made_by and f"run {made_by}",
        "used by": ", ".join(used_by),
        "links": ", ".join(links),
        "lives": None if ttl is None else f"{_shown_duration(ttl)} from its making",
    }
    console.print(_pairs({name: value for name, value in facts.items() if value}))
    if artifact.description:
        console.print(Text("\ndescription", style="bold"))
        console.print(Text(printable(artifact.description)))
    leaves = {key: json.dumps(value, ensure_ascii=False) for key, value in iter_leaves(artifact.metadata)}
    if leaves:
        console.print(Text("\nmetadata", style="bold"))
        console.print(_pairs(leaves))


def print_difference(found: ManifestDifference, *, limit: int | None) -> None:
    """What was added, removed and changed, each by size."""
    kinds = (
        ("+", "green", "added", [(entry.path, _size(entry)) for entry in found.added]),
        ("-", "red", "removed", [(entry.path, _size(entry)) for entry in found.removed]),
        ("~", "yellow", "changed", [(now.path, f"{_size(was)} → {_size(now)}") for was, now in found.changed]),
    )
    for mark, color, what, items in kinds:
        for path, size in items[:limit]:
            click.echo(click.style(f"{mark} {printable(path)}", fg=color) + f"  {size}")
        if limit is not None and len(items) > limit:
            click.echo(f"{mark} and {len(items) - limit:,} more {what}; --all lists them")
    said = [f"{len(items):,} {what}" for _, _, what, items in kinds if items]
    if not said:
        click.echo(f"no difference: {counted(found.unchanged, 'file')}")
        return
    new_bytes = sum(entry.size or 0 for entry in [*found.added, *(now for _, now in found.changed)])
    click.echo(f"{', '.join(said)} ({shown_bytes(new_bytes)} of new content), {found.unchanged:,} unchanged")


def shown_time(text: str) -> str:
    """A time to the minute."""
    return text.replace("T", " ")[:16]


def _size(entry: ArtifactManifestEntry) -> str:
    return "?" if entry.size is None else shown_bytes(entry.size)


def _shown_duration(duration: timedelta) -> str:
    hours = duration.total_seconds() / 3600
    return counted(round(hours / 24), "day") if hours >= 24 else f"{hours:.1f} hours"


def _pairs(values: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(printable(name)), Text(printable(value)))
    return table


def _print_table(columns: dict[str, type[str | int]], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, kind in columns.items():
        table.add_column(name, justify="right" if kind is int else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)
