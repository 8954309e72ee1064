"""``kymograph completion``: the shell completes commands and options."""

from __future__ import annotations

import os
from pathlib import Path

import click

SHELLS = {
    "bash": ("~/.bashrc", 'eval "$(kymograph completion bash)"'),
    "zsh": ("~/.zshrc", 'eval "$(kymograph completion zsh)"'),
    "fish": ("~/.config/fish/completions/kymograph.fish", "kymograph completion fish | source"),
}
PROGRAM = "kymograph"
VARIABLE = "_KYMOGRAPH_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)), required=False)
@click.option("--install", is_flag=True, help="Add the line to the file that your shell reads at its start.")
def completion(shell: str | None, *, install: bool) -> None:
    """Print what makes your shell complete kymograph's commands and options.

    For good, add to the file that your shell reads, or let --install do it: eval "$(kymograph completion bash)" in
    ~/.bashrc, and likewise for zsh; for fish, see --install.
    """
    from click.shell_completion import get_completion_class

    from kymograph.cli.main import cli

    name = shell or Path(os.environ.get("SHELL", "bash")).name
    if name not in SHELLS:
        raise click.UsageError(f"{name} is none of {', '.join(SHELLS)}: say which shell is meant")
    if install:
        _install(name)
        return
    found = get_completion_class(name)
    assert found is not None
    click.echo(found(cli, {}, PROGRAM, VARIABLE).source())


def _install(shell: str) -> None:
    file, line = SHELLS[shell]
    path = Path(file).expanduser()
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if line in text:
        click.echo(f"{file} has it already.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as sink:
        sink.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")
    click.echo(f"Added to {file}; a new terminal completes: {line}")
