"""Checks the GraphQL schema against the documents that real clients send.

    python -m tests.protocol.check_documents --wheel WHEEL [WHEEL …]

takes wheels of the client (or folders they were unpacked into), collects the documents in them and validates each
against our schema. Nothing of a wheel runs, and nothing is fetched: get a wheel with `pip download --no-deps`. With
`KYMOGRAPH_CLIENT_DOCUMENTS` naming a folder, its `*.graphql` files are checked in the same way, one group for each
folder in it.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLSchema, parse, validate

from tests.protocol.client_documents import ClientDocument, wheel_documents
from tests.protocol.schema import load_schema


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What became of the documents of one client version."""

    name: str
    n_valid: int
    errors: tuple[str, ...]
    """One line for each invalid or unreadable document: its name, where it is from, and what is wrong with it."""


def check_group(
    schema: GraphQLSchema, name: str, documents: Iterable[ClientDocument], problems: Iterable[str] = ()
) -> GroupReport:
    """Validate the documents of one client version."""
    n_valid = 0
    errors = list(problems)
    for document in documents:
        messages = [error.message for error in validate(schema, parse(document.text))]
        if messages:
            errors.append(f"{document.name} ({document.origin}): {'; '.join(messages)}")
        else:
            n_valid += 1
    return GroupReport(name, n_valid, tuple(errors))


def folder_documents(folder: Path) -> list[ClientDocument]:
    """Read documents that somebody else collected, one to a file."""
    return [ClientDocument(path.stem, path.name, path.read_text("utf-8")) for path in sorted(folder.rglob("*.graphql"))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each client version, then what is wrong; 1 if anything is.

    A version without any document counts as wrong: then the search for documents is at fault.
    """
    parser = argparse.ArgumentParser(description="Check our schema against the documents of real clients.")
    parser.add_argument("--wheel", nargs="+", type=Path, default=[], help="wheels, or folders of unpacked ones")
    wheels: list[Path] = parser.parse_args(arguments).wheel
    collected = os.environ.get("KYMOGRAPH_CLIENT_DOCUMENTS")
    if not wheels and not collected:
        parser.error("name wheels with --wheel, or a folder with KYMOGRAPH_CLIENT_DOCUMENTS")

    schema = load_schema()
    reports = [check_group(schema, wheel.name, *wheel_documents(wheel)) for wheel in wheels]
    if collected:
        folders = sorted(path for path in Path(collected).iterdir() if path.is_dir()) or [Path(collected)]
        reports += [check_group(schema, folder.name, folder_documents(folder)) for folder in folders]
    for report in reports:
        print(f"{report.name}: {report.n_valid} valid / {len(report.errors)} invalid")
        for error in report.errors:
            print(f"  {error}")
    return 1 if any(report.errors or not report.n_valid for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
