"""``kymograph sql``: a statement over the runs of a project, its answer as a table, CSV or JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

if TYPE_CHECKING:
    from kymograph.client.transport import Transport
    from kymograph.sdk.settings import Settings

TABLE_ROWS = 100
OTHER_ROWS = 100_000


@click.command()
@click.argument("query")
@click.option("--project", metavar="ENTITY/PROJECT", help="Whose runs.  [default: WANDB_ENTITY and WANDB_PROJECT]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl"]),
    help="How to print it.  [default: table in a terminal, else csv]",
)
@click.option("--limit", type=click.IntRange(1, 100_000), help="Rows at most.  [default: 100 in a table, else 100,000]")
def sql(query: str, project: str | None, form: str | None, limit: int | None) -> None:
    """Run QUERY, a SELECT in DuckDB's SQL, over the runs of a project; - reads it from standard input.

    The tables are runs, config, summary and history; DESCRIBE tells their columns. The server is that of
    WANDB_BASE_URL, with the key of WANDB_API_KEY or netrc.
    """
    from kymograph.cli.connecting import connection_to, settings_here
    from kymograph.client.transport import Transport

    text = sys.stdin.read() if query == "-" else query
    chosen = form or ("table" if sys.stdout.isatty() else "csv")
    settings = settings_here()
    with Transport(connection_to(settings)) as transport:
        entity, name = project_of(transport, settings, project)
        answer = transport.request(
            "POST",
            f"/api/v1/projects/{quote(entity, safe='')}/{quote(name, safe='')}/sql",
            json={
                "query": text,
                "limit": limit or (TABLE_ROWS if chosen == "table" else OTHER_ROWS),
                "format": "csv" if chosen == "csv" else "json",
            },
        )
    if chosen == "csv":
        is_truncated = answer.headers.get("x-kymograph-truncated") == "true"
        damaged = int(answer.headers.get("x-kymograph-damaged", 0))
        _write(answer.content)
    else:
        document = answer.json()
        is_truncated, damaged = document["truncated"], len(document["damaged"])
        if chosen == "json":
            _write(answer.content + b"\n")
        elif chosen == "jsonl":
            _print_lines(document["columns"])
        else:
            _print_table(document["columns"], document["row_count"], document["elapsed_s"])
    if is_truncated:
        click.echo("There are more rows; raise --limit, or aggregate in the query.", err=True)
    if damaged:
        click.echo(
            f"{damaged} objects of the history could not be read, and the answer is without their rows; "
            "--format json names them, `kymograph check` on the server says what to do.",
            err=True,
        )


def project_of(transport: Transport, settings: Settings, given: str | None) -> tuple[str, str]:
    """Entity and name of the project that an option or the settings mean.

    Raises:
        click.UsageError: Neither names one.
    """
    text = given or settings.project
    if not text:
        raise click.UsageError("name a project: --project ENTITY/PROJECT, or WANDB_ENTITY and WANDB_PROJECT")
    entity, slash, name = text.rpartition("/")
    if not slash:
        entity = settings.entity or transport.get("/api/v1/session")["user"]["default_entity"]
    return entity, name


def _write(body: bytes) -> None:
    sys.stdout.buffer.write(body)
    sys.stdout.flush()


def _print_lines(columns: Sequence[dict[str, Any]]) -> None:
    import orjson

    names = [column["name"] for column in columns]
    rows = zip(*(column["values"] for column in columns), strict=True)
    _write(b"".join(orjson.dumps(dict(zip(names, row, strict=True))) + b"\n" for row in rows))


def _print_table(columns: Sequence[dict[str, Any]], row_count: int, elapsed_s: float) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        is_number = column["type"].startswith(("DOUBLE", "FLOAT", "DECIMAL"))
        is_number = is_number or column["type"].endswith(("INT", "INTEGER"))
        justify: Any = "right" if is_number else "left"
        table.add_column(Text(printable(column["name"])), justify=justify, overflow="fold")
    for row in zip(*(column["values"] for column in columns), strict=True):
        table.add_row(*(Text(shown(value), style="dim" if value is None else "") for value in row))
    console = Console()
    console.print(table)
    console.print(Text(f"{row_count:,} {'row' if row_count == 1 else 'rows'} in {elapsed_s:.2f} s", style="dim"))


def shown(value: Any) -> str:
    """A value for people: numbers as they are, nothing as ``null``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and set(value) == {"$number"}:
        return str(value["$number"])
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, (list, dict)):
        import orjson

        return printable(orjson.dumps(value).decode())
    return str(value)


def printable(text: str) -> str:
    """A text without characters that would do something to the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
