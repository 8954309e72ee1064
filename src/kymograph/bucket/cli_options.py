"""What commands of ``wabucket`` have in common: options before the command, and what they give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kymograph.bucket.api import WaBucketRefAPI


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Options before the command."""

    bucket: str | None
    project_name: str | None
    entity: str | None
    run_name: str | None
    job_type: str | None

    def api(self, *, as_json: bool) -> WaBucketRefAPI:
        """What a command works with, without a run."""
        from kymograph.bucket.api import WaBucketRefAPI
        from kymograph.bucket.runs import QUIET_SETTINGS

        return WaBucketRefAPI(
            self.bucket, self.project_name, self.entity, is_shown=not as_json, run_settings=QUIET_SETTINGS
        )

    @contextmanager
    def api_in_run(self, *, as_json: bool, config: Any = None) -> Iterator[WaBucketRefAPI]:
        """The same within a run that ends with the command.

        Raises:
            click.UsageError: No project is named.
        """
        if not self.project_name:
            raise click.UsageError("name the project of the run: wabucket --project-name NAME …, or WANDB_PROJECT")
        api = self.api(as_json=as_json)
        with api.wandb_start_run(self.run_name, self.job_type, config), api:
            yield api


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON document.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Delete nothing; say what would go.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def tell(document: dict[str, Any], *lines: str, as_json: bool) -> None:
    """Print what was done, for a program or for people."""
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for line in lines:
        click.echo(line)
