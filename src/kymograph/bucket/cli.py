"""``wabucket``: bucket artifacts in a terminal. Source: seeds.md B.2, B.5."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from kymograph import __version__
from kymograph.bucket.cli_management import MANAGEMENT
from kymograph.bucket.cli_options import GlobalOptions, as_json_option, tell
from kymograph.errors import KymographError

VERSION_MESSAGE = "W&B bucket artifacts package version: %(version)s"
"""Source: seeds.md B.2."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--bucket",
    metavar="BUCKET",
    help="Address of the bucket (s3://data/artifacts, gs://…, file:///mnt/data, …), or its name below the address in "
    "WABUCKET_ROOT.  [default: the name of the project]",
)
@click.option("--project-name", "--project_name", envvar="WANDB_PROJECT", metavar="NAME", help="Project of the runs.")
@click.option("--run-name", "--run_name", metavar="NAME", help="What people call the run.")
@click.option("--job-type", "--job_type", metavar="TYPE", help="What kind of work the run does.")
@click.option("--entity", envvar="WANDB_ENTITY", metavar="NAME", help="User or team that the project is of.")
@click.version_option(__version__, message=VERSION_MESSAGE)
@click.pass_context
def cli(
    context: click.Context,
    bucket: str | None,
    project_name: str | None,
    run_name: str | None,
    job_type: str | None,
    entity: str | None,
) -> None:
    r"""Artifacts whose files stay in a bucket.

    An upload puts a folder below TYPE/NAME/ALIAS in the bucket and logs a version that refers to the files, with their
    checksums; a download finds it by its name and brings the files back. Each is a run, so the tracker knows what came
    from what. A version is there only when all its files are, and a folder only when it is complete; what was
    interrupted goes on when it is started again.

    \b
    Examples:
      wabucket --bucket s3://data --project-name digits upload images/ -n images -t dataset -a first
      wabucket --bucket s3://data --project-name digits download dataset images first -d images
      wabucket --bucket s3://data --project-name digits verify images:first
    """
    context.obj = GlobalOptions(bucket, project_name or None, entity or None, run_name, job_type)


def _naming(command: Any) -> Any:
    """Options of what becomes a version."""
    for option in reversed(
        (
            click.option("-n", "--name", required=True, help="Name of the artifact."),
            click.option("-t", "--type", "type_name", required=True, help="What it is: dataset, model, …."),
            click.option(
                "-a",
                "--alias",
                help="Name of the version; !run-config-hash for one that the run's config gives.  [default: random]",
            ),
            click.option(
                "-m",
                "--metadata",
                multiple=True,
                metavar="KEY=VALUE",
                help="What is known of it; may be repeated. KEY:=VALUE takes JSON: -m epochs:=12.",
            ),
            click.option("--metadata-json", metavar="JSON", help="The same as one JSON object, or @FILE."),
            click.option("-s", "--suffix", help="Put behind the names of the workflow's outputs."),
            click.option("-r", "--run_args", "--run-args", metavar="TEXT", help=_RUN_ARGS),
            click.option(
                "--checksum/--no-checksum",
                default=True,
                show_default=True,
                help="Note each file with its checksum, or all of them as one entry, as older versions of this program "
                "do.",
            ),
            as_json_option,
        )
    ):
        command = option(command)
    return command


_RUN_ARGS = "Config of the run: JSON, KEY=VALUE texts with spaces between them, or a YAML file."


@cli.command()
@click.argument("src_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_naming
@click.option("--reff/--no-reff", default=True, show_default=True, help="To the bucket, or to the tracker itself.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Though there is a version of this alias: the alias goes to the new one, and the old one keeps its files.",
)
@click.pass_obj
def upload(
    options: GlobalOptions,
    src_dir: Path,
    name: str,
    type_name: str,
    alias: str | None,
    metadata: tuple[str, ...],
    metadata_json: str | None,
    suffix: str | None,
    run_args: str | None,
    *,
    checksum: bool,
    as_json: bool,
    reff: bool,
    overwrite: bool,
) -> None:
    """Upload a folder and log a version of it.

    It can be stopped at any time: there is no version until all files are there, and the same command goes on where it
    stopped (with the same --alias).
    """
    from kymograph.bucket.metadata import parse_run_config, parse_typed_meta

    known = parse_typed_meta(metadata, metadata_json)
    with options.api_in_run(as_json=as_json, config=parse_run_config(run_args)) as api:
        used = api.upload_artifact(
            src_dir,
            name,
            type_name,
            alias,
            known,
            as_refference=reff,
            overwrite=overwrite,
            suffix=suffix,
            checksum=checksum,
        )
    _tell_version(options, name, type_name, used, as_json=as_json)


@cli.command()
@click.argument("bucket_path")
@_naming
@click.pass_obj
def link(
    options: GlobalOptions,
    bucket_path: str,
    name: str,
    type_name: str,
    alias: str | None,
    metadata: tuple[str, ...],
    metadata_json: str | None,
    suffix: str | None,
    run_args: str | None,
    *,
    checksum: bool,
    as_json: bool,
) -> None:
    """Log a version of a folder that is in a bucket already.

    BUCKET_PATH is its address, or its path in the bucket. Nothing is copied, and `wabucket rm` and `gc` never delete
    it: it is not theirs.
    """
    from kymograph.bucket.metadata import parse_run_config, parse_typed_meta

    known = parse_typed_meta(metadata, metadata_json)
    with options.api_in_run(as_json=as_json, config=parse_run_config(run_args)) as api:
        used = api.link(bucket_path, name, type_name, alias, known, suffix, checksum=checksum)
    _tell_version(options, name, type_name, used, as_json=as_json)


def _tell_version(options: GlobalOptions, name: str, type_name: str, alias: str, *, as_json: bool) -> None:
    document = {"name": name, "type": type_name, "alias": alias, "project": options.project_name}
    tell(
        document,
        f"{type_name} {name}:{alias}",
        f"  get it:  wabucket --project-name {options.project_name} download {type_name} {name} {alias}",
        as_json=as_json,
    )


@cli.command()
@click.argument("artifact_type")
@click.argument("artifact_name")
@click.argument("artifact_alias", required=False)
@click.option(
    "-d",
    "--destination-folder",
    "--destination_folder",
    type=click.Path(path_type=Path),
    help="Where to.  [default: ./TYPE/NAME/ALIAS]",
)
@click.option("-a", "--run_args", "--run-args", metavar="TEXT", help=_RUN_ARGS)
@click.option("--sync", is_flag=True, help="Delete other files in the folder.")
@as_json_option
@click.pass_obj
def download(
    options: GlobalOptions,
    artifact_type: str,
    artifact_name: str,
    artifact_alias: str | None,
    destination_folder: Path | None,
    run_args: str | None,
    *,
    sync: bool,
    as_json: bool,
) -> None:
    """Bring the files of a version here.

    ARTIFACT_NAME may name another project, as ENTITY/PROJECT/NAME, and have the alias in it; ARTIFACT_ALIAS may be a
    version such as v3. Each file is checked. A new folder is there only when it is complete; one with other files in it
    has a file .wabucket-incomplete until it is.
    """
    from kymograph.bucket.metadata import parse_run_config

    short = artifact_name.rpartition("/")[2]
    name, _, named = short.partition(":")
    folder = destination_folder or Path(artifact_type, name, artifact_alias or named or "latest")
    with options.api_in_run(as_json=as_json, config=parse_run_config(run_args)) as api:
        found = api.download_artifact(artifact_name, artifact_type, artifact_alias, folder, is_exact=sync)
    document = {"folder": str(found.absolute()), "name": artifact_name, "type": artifact_type}
    tell(document, f"{found}: {artifact_type} {short}, complete", as_json=as_json)


for command in MANAGEMENT:
    cli.add_command(command)


def main() -> None:
    """Run the command line; our errors become one clear line and exit status 1."""
    try:
        cli(prog_name="wabucket")
    except KymographError as exc:
        click.echo(f"Error: {exc}", err=True)
        sys.exit(1)
