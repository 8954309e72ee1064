"""``kymograph restore``: the code of a run as it was."""

from __future__ import annotations

from pathlib import Path

import click

from kymograph.cli.connecting import project_options


@click.command()
@click.argument("run_path", metavar="RUN")
@project_options
@click.option("--no-git", is_flag=True, help="Leave the code alone; only the config.")
@click.option("--branch/--no-branch", default=True, show_default=True, help="Make a branch kymograph/RUN for it.")
@click.option("-o", "--output", metavar="DIR", help="Folder for config and patch.  [default: ./kymograph/restored-RUN]")
def restore(
    run_path: str, project: str | None, entity: str | None, output: str | None, *, no_git: bool, branch: bool
) -> None:
    """Bring back the code and the config of a run, to do it again.

    In the git repository of its code, the run's commit is checked out on a branch of its own, and what had not been
    committed is applied. Your own changes are never touched: with any, nothing is done.

    RUN is ENTITY/PROJECT/RUN, an id alone, or the address of a page.
    """
    from kymograph.cli.connecting import connected_to
    from kymograph.sdk.restoring import restore as bring_back

    with connected_to(run_path, project, entity) as (reads, at):
        run = reads.get_run(at)
        folder = Path(output or Path("kymograph", f"restored-{run.address.run_id}"))
        bring_back(
            run,
            reads,
            folder=folder,
            root=Path.cwd(),
            with_git=not no_git,
            with_branch=branch,
            say=click.echo,
        )
    program = run.info.get("program")
    if program:
        told = run.info.get("args")
        arguments = " ".join(map(str, told)) if isinstance(told, list) else ""
        click.echo(f"it was started as: python {program} {arguments}".rstrip())
