"""``kymograph artifact ls``, ``show`` and ``diff``: what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kymograph.cli.artifact_connecting import (
    ArtifactName,
    ArtifactServer,
    artifact_server,
    complete_name,
    named_together,
    split_artifact,
    split_project_path,
)
from kymograph.cli.examples import examples

if TYPE_CHECKING:
    from kymograph.client.artifact_values import RemoteArtifact, RemoteCollection

MAX_LINES = 50
"""Of files that are shown to people unless they want all."""
_ASK_AT_ONCE = 8


@click.command(
    "ls",
    epilog=examples(
        ("kymograph artifact ls", "artifacts in the project of your settings"),
        ("kymograph artifact ls me/digits", "artifacts in a project"),
        ("kymograph artifact ls me/digits/data", "versions of an artifact"),
        ("kymograph artifact ls data:v3", "files in a version, the largest first"),
    ),
)
@click.argument("path", required=False, shell_complete=complete_name)
@click.option("-t", "--type", "type_name", metavar="TYPE", help="Only artifacts of this type, such as dataset.")
@click.option("--all", "shows_all", is_flag=True, help=f"List all files, not only the {MAX_LINES} largest.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list; sizes in bytes.")
def list_artifacts(path: str | None, type_name: str | None, *, shows_all: bool, as_json: bool) -> None:
    """List artifacts, the versions of one, or the files in a version.

    An artifact is a name under which versions are kept: v0, v1 and so on. latest is the newest of them; other aliases,
    such as best, are where somebody put them.
    """
    path = path or ""
    if ":" in path or path.strip("/").count("/") == 2:
        name = split_artifact(path)
        with artifact_server(name.server) as server:
            if name.version is None:
                _list_versions(server, name, as_json=as_json)
            else:
                _list_files(server, name, shows_all=shows_all, as_json=as_json)
        return
    entity, project = split_project_path(path)
    with artifact_server() as server:
        _list_collections(server, *server.place(entity, project), type_name, as_json=as_json)


def _list_collections(
    server: ArtifactServer, entity: str, project: str, type_name: str | None, *, as_json: bool
) -> None:
    from kymograph.cli.artifact_view import print_collections
    from kymograph.client.parallel import in_parallel

    def newest(collection: RemoteCollection) -> tuple[str, RemoteArtifact | None, int]:
        page = server.session.collections.versions(collection, per_page=1)
        version, remote = page.items[0] if page.items else ("", None)
        return version, remote, page.total if page.total is not None else len(page.items)

    found = list(server.collections(entity, project, type_name=type_name))
    described = list(zip(found, in_parallel(newest, found, threads=_ASK_AT_ONCE), strict=True))
    if as_json:
        items = [
            {
                "name": one.address.name,
                "type": one.type_name,
                "holds_links": not one.is_sequence,
                "description": one.description,
                "tags": list(one.tags),
                "versions": count,
                "newest": version or None,
                "size_bytes": None if remote is None else remote.size_bytes,
                "file_count": None if remote is None else remote.file_count,
                "created_at": one.created_at,
                "updated_at": None if remote is None else remote.created_at,
            }
            for one, (version, remote, count) in described
        ]
        click.echo(json.dumps(items, indent=2))
    elif described:
        print_collections(described)
    else:
        what = f"artifacts of type {type_name}" if type_name else "artifacts"
        click.echo(f"{entity}/{project} has no {what}; make one: kymograph artifact put PATH -n {project}/NAME")


def _list_versions(server: ArtifactServer, name: ArtifactName, *, as_json: bool) -> None:
    from kymograph.cli.artifact_view import brief, print_versions

    versions = server.versions(server.collection(name))
    if as_json:
        click.echo(json.dumps([brief(version) for version in versions], indent=2))
    else:
        print_versions(versions)


def _list_files(server: ArtifactServer, name: ArtifactName, *, shows_all: bool, as_json: bool) -> None:
    from kymograph.cli.artifact_view import file_document, print_files

    artifact = server.find(name)
    entries = sorted(artifact.manifest.entries.values(), key=lambda entry: (-(entry.size or 0), entry.path))
    if as_json:
        click.echo(json.dumps([file_document(entry) for entry in entries], indent=2))
    else:
        print_files(artifact, entries, limit=None if shows_all else MAX_LINES)


@click.command("show", epilog=examples(("kymograph artifact show me/digits/data:best", "")))
@click.argument("name", metavar="NAME", shell_complete=complete_name)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def show(name: str, *, as_json: bool) -> None:
    """Show what is known of a version: aliases, size, metadata, and which runs made and used it.

    NAME is [ENTITY/]PROJECT/NAME:VERSION, NAME:VERSION for the project of your settings, or the address of its page;
    without a version it is the latest.
    """
    from kymograph.cli.artifact_view import brief, print_artifact
    from kymograph.sdk.artifacts.version_names import full_name

    asked = split_artifact(name)
    with artifact_server(asked.server) as server:
        artifact = server.find(asked)
        maker, users, links, ttl = artifact.logged_by(), artifact.used_by(), artifact.linked_artifacts, artifact.ttl
    made_by = None if maker is None else maker.at.path
    used_by, link_names = [run.at.path for run in users], [full_name(link) for link in links]
    source = artifact.source_qualified_name if artifact.is_link else None
    if as_json:
        more = {
            "made_by": made_by,
            "used_by": used_by,
            "links": link_names,
            "source": source,
            "state": artifact.state,
            "ttl_s": None if ttl is None else int(ttl.total_seconds()),
            "url": artifact.url,
        }
        click.echo(json.dumps({**brief(artifact), **more}, indent=2))
    else:
        print_artifact(artifact, made_by=made_by, used_by=used_by, links=link_names, source=source, ttl=ttl)


@click.command(
    "diff",
    epilog=examples(
        ("kymograph artifact diff data:v3 data:latest", ""),
        ("kymograph artifact diff me/digits/data:best you/letters/data:v0", "of different projects"),
    ),
)
@click.argument("old", metavar="A", shell_complete=complete_name)
@click.argument("new", metavar="B", shell_complete=complete_name)
@click.option("--all", "shows_all", is_flag=True, help=f"List everything, not only the {MAX_LINES} largest of a kind.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; sizes in bytes.")
def diff(old: str, new: str, *, shows_all: bool, as_json: bool) -> None:
    """Compare the files of two versions: what B has that A has not, what is gone, what changed.

    Nothing is downloaded. Exit status 1 means that they differ.
    """
    from kymograph.cli.artifact_view import file_document, print_difference
    from kymograph.sdk.artifacts.difference import compare_manifests
    from kymograph.sdk.artifacts.version_names import full_name

    names = [split_artifact(old), split_artifact(new)]
    with artifact_server(named_together(names)) as server:
        before, after = (server.find(name) for name in names)
        found = compare_manifests(before.manifest, after.manifest)
    if as_json:
        document = {
            "a": full_name(before),
            "b": full_name(after),
            "added": [file_document(entry) for entry in found.added],
            "removed": [file_document(entry) for entry in found.removed],
            "changed": [
                {"path": now.path, "size_bytes_before": was.size, "size_bytes": now.size} for was, now in found.changed
            ],
            "unchanged": found.unchanged,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        print_difference(found, limit=None if shows_all else MAX_LINES)
    if not found.is_empty:
        raise SystemExit(1)
