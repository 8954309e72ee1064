"""``kymograph artifact get`` and ``verify``: files of a version on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from kymograph.cli.artifact_connecting import artifact_server, complete_name, split_artifact
from kymograph.cli.examples import examples
from kymograph.cli.local import counted, shown_bytes, shown_path
from kymograph.errors import InvalidArtifact


@click.command(
    "get",
    epilog=examples(
        ("kymograph artifact get me/digits/data:best --root data", ""),
        ('kymograph artifact get data --only "train/*.png"', "some files of the latest version"),
    ),
)
@click.argument("path", metavar="PATH", shell_complete=complete_name)
@click.option("--root", metavar="DIR", help="Folder for the files.  [default: ./artifacts/NAME:VERSION]")
@click.option("--type", "type_name", metavar="TYPE", help="Fail unless it is of this type.")
@click.option("--only", metavar="PATTERN", help="Only files whose path begins so, or fits: train/ or train/*.png.")
@click.option("--skip-cache", is_flag=True, help="Keep no copy of the files in the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print where it is as one JSON document.")
def get(
    path: str, root: str | None, type_name: str | None, only: str | None, *, skip_cache: bool, as_json: bool
) -> None:
    """Bring the files of a version here.

    PATH is [ENTITY/]PROJECT/NAME:VERSION, NAME:VERSION for the project of your settings, or the address of its page;
    without a version it is the latest.

    Files that are here already are not fetched again, so it can be stopped and started anew. Each is checked.
    """
    from kymograph.sdk.artifacts.version_names import full_name, short_name

    asked = split_artifact(path)
    with artifact_server(asked.server) as server:
        artifact = server.find(asked)
        if type_name is not None and artifact.type != type_name:
            raise InvalidArtifact(f"{full_name(artifact)} is of type {artifact.type}, not {type_name}")
        folder = os.path.abspath(artifact.download(root, skip_cache=skip_cache or None, path_prefix=only))
    if as_json:
        click.echo(json.dumps({"name": full_name(artifact), "type": artifact.type, "folder": folder}, indent=2))
        return
    whole = f"{counted(artifact.file_count, 'file')}, {shown_bytes(artifact.size)}"
    what = f"what fits {only!r}" if only else whole
    click.echo(f"{shown_path(Path(folder))}: {short_name(artifact)} ({artifact.type}), {what}")


@click.command("verify", epilog=examples(("kymograph artifact verify me/digits/data:v3 --root data", "")))
@click.argument("name", metavar="NAME", shell_complete=complete_name)
@click.option("--root", metavar="DIR", help="Folder of the files.  [default: ./artifacts/NAME:VERSION]")
@click.option("--json", "as_json", is_flag=True, help="Print what differs as one JSON document.")
def verify(name: str, root: str | None, *, as_json: bool) -> None:
    """Check that a folder holds exactly the files of a version, each with its content.

    References, which lie elsewhere, are not checked. Exit status 1 means that something is missing, changed, or there
    that is not in the version.
    """
    from kymograph.cli.run import printable
    from kymograph.sdk.artifacts.download import default_root
    from kymograph.sdk.artifacts.folder_contents import compare_folder
    from kymograph.sdk.artifacts.version_names import full_name, short_name

    asked = split_artifact(name)
    with artifact_server(asked.server) as server:
        artifact = server.find(asked)
        folder = os.path.abspath(root or default_root(artifact.source_name))
        if not os.path.isdir(folder):
            how = f"kymograph artifact get {name}{f' --root {root}' if root else ''}"
            raise click.ClickException(f"there is no folder {shown_path(Path(folder))}; bring the files here: {how}")
        found = compare_folder(folder, artifact.manifest)
    if as_json:
        document = {
            "name": full_name(artifact),
            "folder": folder,
            "missing": found.missing,
            "changed": found.changed,
            "extra": found.extra,
            "checked": found.checked,
            "unchecked": found.unchecked,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for what, paths in (("missing", found.missing), ("changed", found.changed), ("extra", found.extra)):
            for path in paths:
                click.echo(f"{what:8} {printable(path)}")
        total = f"{counted(found.checked, 'file')} checked"
        left = f", {counted(found.unchecked, 'reference')} not" if found.unchecked else ""
        verdict = "it is" if found.is_equal else "it is not"
        click.echo(f"{shown_path(Path(folder))}: {total}{left}; {verdict} exactly {short_name(artifact)}")
    if not found.is_equal:
        raise SystemExit(1)
