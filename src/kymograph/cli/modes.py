"""How runs of a folder behave: ``kymograph online``, ``offline``, ``enabled``, ``disabled``, ``init``, ``status``."""

from __future__ import annotations

import click


def _change(changes: dict[str, str | None]) -> str:
    """Change the settings file of this folder.

    Returns:
        Its path.
    """
    from pathlib import Path

    from kymograph.client.settings_files import change_settings_file
    from kymograph.sdk.settings_sources import load_settings

    path = load_settings().settings_workspace
    change_settings_file(Path(path), changes)
    return path


def _set_mode(mode: str, meaning: str) -> None:
    import os

    path = _change({"mode": mode})
    click.echo(f"Runs of this folder {meaning}. ({path})")
    named = os.environ.get("WANDB_MODE")
    if named and named != mode:
        click.echo(f"But WANDB_MODE={named} is set in this terminal, and wins: unset it.", err=True)


@click.command()
def online() -> None:
    """Send the runs of this folder to the server while they run (the usual way)."""
    _set_mode("online", "are sent to the server")


@click.command()
def offline() -> None:
    """Keep the runs of this folder on this machine, until `kymograph sync`."""
    _set_mode("offline", "stay on this machine until `kymograph sync`")


@click.command()
@click.option("--service", hidden=True)
def enabled(service: str | None) -> None:
    """Undo `disabled`: runs of this folder are sent again."""
    _set_mode("online", "are sent to the server")


@click.command()
@click.option("--service", hidden=True)
def disabled(service: str | None) -> None:
    """Keep nothing of the runs of this folder: scripts run as if they logged nothing."""
    _set_mode("disabled", "leave no trace; `kymograph enabled` ends this")


@click.command("init")
@click.option("-p", "--project", metavar="NAME", help="Project of its runs.")
@click.option("-e", "--entity", metavar="NAME", help="User or team whose project it is.")
@click.option("-m", "--mode", type=click.Choice(["online", "offline", "disabled"]), help="How its runs behave.")
@click.option("--host", metavar="URL", help="Address of their server.")
@click.option("--reset", is_flag=True, help="Forget what was set here before.")
def init(project: str | None, entity: str | None, mode: str | None, host: str | None, *, reset: bool) -> None:
    """Settle where the runs of this folder go, so that scripts need not say it."""
    import sys

    from kymograph.sdk.settings import parse_setting

    names = ("project", "entity", "mode", "base_url")
    given = dict(zip(names, (project, entity, mode, host), strict=True))
    if not any(given.values()) and not reset:
        if not sys.stdin.isatty():
            raise click.UsageError("say what is to be settled: --project, --entity, --mode or --host")
        given["project"] = click.prompt("Project of the runs in this folder")
    changes: dict[str, str | None] = {
        name: str(parse_setting(name, value)) if value else None for name, value in given.items() if value or reset
    }
    path = _change(changes)
    said = ", ".join(f"{name} = {value}" for name, value in changes.items() if value) or "nothing, as in the beginning"
    click.echo(f"Settled for this folder: {said}. ({path})")


@click.command()
@click.option("--settings/--no-settings", default=True, help="List the settings that somebody set.")
@click.option("--all", "everything", is_flag=True, help="List all settings.")
@click.option("--explain", metavar="NAME", help="Where the value of one setting comes from, and what it replaced.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(explain: str | None, *, settings: bool, everything: bool, as_json: bool) -> None:
    """Show which server, key and settings runs of this folder use, and where each comes from."""
    from kymograph.cli.status import collect

    found = collect(explain, with_settings=settings, everything=everything)
    click.echo(found.as_json() if as_json else found.as_text())
