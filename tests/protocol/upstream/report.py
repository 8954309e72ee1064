"""What the vendor's system tests said about our server, as a table beside what a mock of constants reached.

Pure: a junit document and the hand-kept files of this folder in, Markdown out. Running the tests is left to `run.py`.

A case is known by its node id relative to the folder of the system tests, `test_core/test_resume.py::test_x[allow]`.
"""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

BEGIN_MARK = "<!-- upstream-suite: begin {part} -->"
END_MARK = "<!-- upstream-suite: end {part} -->"

_PACKAGE = "tests.system_tests."


class Outcome(StrEnum):
    """How one case ended. The values name the columns of the table."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORS = "errors"
    """Its fixtures failed, so the case itself did not run."""
    SKIPPED = "skipped"
    """Also a case that the vendor expects to fail and that did (`xfail`)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One collected case and how it ended."""

    node_id: str
    outcome: Outcome
    message: str = ""
    """First line of the failure, or the reason that a skipped case gives."""

    @property
    def file(self) -> str:
        """Path of the file relative to the folder of the system tests."""
        return self.node_id.partition("::")[0]


@dataclass(frozen=True, slots=True)
class Counts:
    """Cases by outcome."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.errors + other.errors,
            self.skipped + other.skipped,
        )

    @property
    def ran(self) -> int:
        """Cases that were not skipped."""
        return self.passed + self.failed + self.errors

    @property
    def pass_rate(self) -> float:
        """Share of the cases that were not skipped, 0 to 1; 1 when nothing ran."""
        return self.passed / self.ran if self.ran else 1.0


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why cases fail or are skipped, kept by hand: patterns of node ids to one sentence each."""

    patterns: Mapping[str, str]

    def find(self, node_id: str) -> str | None:
        """The sentence of the first pattern that fits, in the file's order."""
        for pattern, reason in self.patterns.items():
            if _fits(node_id, pattern):
                return reason
        return None


def parse_reasons(document: str) -> Reasons:
    """Read the TOML table `[reasons]`: node id, or a pattern with `*`, to the reason."""
    patterns = tomllib.loads(document).get("reasons", {})
    return Reasons({str(pattern): str(reason) for pattern, reason in patterns.items()})


def parse_baseline(document: str) -> dict[str, Counts]:
    """Read what the mock reached: file to counts, without the files that it was not run on."""
    return {
        file: Counts(**facts["baseline"])
        for file, facts in json.loads(document).items()
        if facts["baseline"] is not None
    }


def parse_junit(document: str, known_files: Iterable[str]) -> list[Case]:
    """Read pytest's junit document.

    Args:
        document: The XML that `pytest --junitxml` wrote.
        known_files: Test files relative to the folder of the system tests. The document names modules and classes
            with dots alone, so the longest known module decides where the file's name ends.
    """
    modules = {_module_of(file): file for file in known_files}
    return [_case_of(element, modules) for element in ET.fromstring(document).iter("testcase")]


def started_at(document: str) -> str:
    """When the run of a junit document began, to the minute, as written there."""
    suite = next(ET.fromstring(document).iter("testsuite"))
    return suite.get("timestamp", "")[:16].replace("T", " ")


def count(cases: Iterable[Case]) -> Counts:
    """Count the cases by outcome."""
    total = Counts()
    for case in cases:
        total += Counts(**{case.outcome.value: 1})
    return total


def render(cases: Sequence[Case], baseline: Mapping[str, Counts], reasons: Reasons) -> str:
    """Markdown: one row per file, the sum, and the reason of every case that did not pass."""
    by_file: dict[str, list[Case]] = {}
    for case in cases:
        by_file.setdefault(case.file, []).append(case)

    lines = [
        "| file | passed | failed | errors | skipped | mock: passed | failed | errors | skipped |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    total, mock_total = Counts(), Counts()
    for file in sorted(by_file):
        counts, mock = count(by_file[file]), baseline.get(file)
        lines.append(f"| {file} | {_cells(counts)} | {_cells(mock)} |")
        total += counts
        mock_total += mock or Counts()
    lines.append(f"| **all** | {_cells(total)} | {_cells(mock_total)} |")
    lines += ["", f"**{total.passed} of the {total.ran} cases that were not skipped pass: {total.pass_rate:.1%}.**"]

    for title, outcomes in (
        ("Not passed", (Outcome.FAILED, Outcome.ERRORS)),
        ("Skipped, or expected by the vendor to fail", (Outcome.SKIPPED,)),
    ):
        chosen = sorted((case for case in cases if case.outcome in outcomes), key=lambda case: case.node_id)
        if chosen:
            lines += ["", f"{title}:", ""]
            lines += [f"- `{case.node_id}`: {_reason_of(case, reasons)}" for case in chosen]
    return "\n".join(lines) + "\n"


def replace_section(page: str, section: str, *, part: str) -> str:
    """Put `section` between the two marks of a part of the suite.

    Raises:
        ValueError: The page does not hold both marks in order.
    """
    marks = BEGIN_MARK.format(part=part), END_MARK.format(part=part)
    head, begin, rest = page.partition(marks[0])
    _, end, tail = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"the page needs the lines {marks[0]} and {marks[1]}")
    return f"{head}{begin}\n\n{section.strip()}\n\n{end}{tail}"


def _module_of(file: str) -> str:
    return _PACKAGE + file.removesuffix(".py").replace("/", ".")


def _case_of(element: ET.Element, modules: Mapping[str, str]) -> Case:
    class_name, name = element.get("classname", ""), element.get("name", "")
    module, classes = class_name, list[str]()
    while module not in modules and "." in module:
        module, _, last = module.rpartition(".")
        classes.insert(0, last)
    # A module that failed to import is reported as a case whose name is the module.
    file = modules.get(module) or modules.get(name) or class_name or name
    node_id = "::".join([file, *(classes if module in modules else []), name])

    for tag, outcome in (("error", Outcome.ERRORS), ("failure", Outcome.FAILED), ("skipped", Outcome.SKIPPED)):
        found = element.find(tag)
        if found is not None:
            message = (found.get("message") or "").strip()
            return Case(node_id, outcome, message.splitlines()[0] if message else "")
    return Case(node_id, Outcome.PASSED)


def _cells(counts: Counts | None) -> str:
    if counts is None:
        return "– | – | – | –"
    return f"{counts.passed} | {counts.failed} | {counts.errors} | {counts.skipped}"


def _reason_of(case: Case, reasons: Reasons) -> str:
    known = reasons.find(case.node_id)
    if known is not None:
        return known
    if case.outcome is Outcome.SKIPPED and case.message:
        return f"the vendor's reason: {_as_text(case.message)}"
    return f"**not explained yet**: {_as_text(case.message)}"


def _as_text(message: str) -> str:
    """A message as inline code, so that nothing in it is read as Markdown."""
    return "`" + message.replace("`", "'") + "`" if message else "(no message)"


def _fits(node_id: str, pattern: str) -> bool:
    # Brackets stand for themselves: they are the parameters of a node id, not a set of characters.
    return fnmatchcase(node_id, pattern.replace("[", "[[]"))
