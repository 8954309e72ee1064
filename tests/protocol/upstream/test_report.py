from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol.upstream.report import (
    BEGIN_MARK,
    END_MARK,
    Case,
    Counts,
    Outcome,
    Reasons,
    count,
    parse_baseline,
    parse_junit,
    parse_reasons,
    render,
    replace_section,
    started_at,
)

HERE = Path(__file__).parent

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" timestamp="2026-11-22T07:01:02.000003+00:00">
  <testcase classname="tests.system_tests.test_core.test_resume" name="test_x[allow]" time="1.0"/>
  <testcase classname="tests.system_tests.test_core.test_resume" name="test_y">
    <failure message="AssertionError: 1 | 2&#10;more">trace</failure></testcase>
  <testcase classname="tests.system_tests.test_plot.TestBar" name="test_z"><error message="no fixture"/></testcase>
  <testcase classname="tests.system_tests.test_plot" name="test_w">
    <skipped type="pytest.skip" message="Windows only"/></testcase>
</testsuite></testsuites>
"""
FILES = ["test_core/test_resume.py", "test_plot.py"]


def test_cases_are_named_by_file_class_and_parameters() -> None:
    cases = parse_junit(JUNIT, FILES)

    assert cases == [
        Case("test_core/test_resume.py::test_x[allow]", Outcome.PASSED),
        Case("test_core/test_resume.py::test_y", Outcome.FAILED, "AssertionError: 1 | 2"),
        Case("test_plot.py::TestBar::test_z", Outcome.ERRORS, "no fixture"),
        Case("test_plot.py::test_w", Outcome.SKIPPED, "Windows only"),
    ]


def test_a_module_that_does_not_import_counts_as_an_error_of_its_file() -> None:
    case_element = '<testcase classname="" name="tests.system_tests.test_plot"><error message="x"/></testcase>'

    (case,) = parse_junit(f"<testsuite>{case_element}</testsuite>", FILES)

    assert case.file == "test_plot.py"
    assert case.outcome is Outcome.ERRORS


def test_a_report_tells_when_it_began() -> None:
    assert started_at(JUNIT) == "2026-11-22 07:01"


def test_skipped_cases_do_not_enter_the_pass_rate() -> None:
    counts = count(parse_junit(JUNIT, FILES))

    assert counts == Counts(passed=1, failed=1, errors=1, skipped=1)
    assert counts.pass_rate == pytest.approx(1 / 3)


def test_brackets_in_a_reason_stand_for_themselves() -> None:
    reasons = parse_reasons('[reasons]\n"a.py::test_x[allow]" = "one"\n"a.py::test_*" = "rest"\n')

    assert reasons.find("a.py::test_x[allow]") == "one"
    assert reasons.find("a.py::test_x[never]") == "rest"
    assert reasons.find("b.py::test_x[allow]") is None


def test_the_table_shows_the_mock_beside_us_and_names_unexplained_failures() -> None:
    table = render(
        parse_junit(JUNIT, FILES),
        {"test_plot.py": Counts(failed=2)},
        Reasons({"test_plot.py::TestBar::*": "the server has no bars"}),
    )

    assert "| test_core/test_resume.py | 1 | 1 | 0 | 0 | – | – | – | – |" in table
    assert "| test_plot.py | 0 | 0 | 1 | 1 | 0 | 2 | 0 | 0 |" in table
    assert "- `test_plot.py::TestBar::test_z`: the server has no bars" in table
    assert "- `test_core/test_resume.py::test_y`: **not explained yet**: `AssertionError: 1 | 2`" in table
    assert "- `test_plot.py::test_w`: the vendor's reason: `Windows only`" in table


def test_only_the_text_between_the_marks_changes() -> None:
    begin, end = (mark.format(part="runs") for mark in (BEGIN_MARK, END_MARK))
    other = f"{BEGIN_MARK.format(part='artifacts')}\nkept\n{END_MARK.format(part='artifacts')}\n"
    page = f"before\n{other}{begin}\nold\n{end}\nafter\n"

    assert replace_section(page, "new\n", part="runs") == f"before\n{other}{begin}\n\nnew\n\n{end}\nafter\n"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="upstream-suite"):
        replace_section("nothing here", "new", part="runs")


def test_the_recorded_baseline_has_the_counts_of_the_first_438_cases() -> None:
    """The number that every result is compared with: 367 of 438 passed with a mock of constants."""
    baseline = parse_baseline((HERE / "mock_baseline.json").read_text("utf-8"))
    first = ("test_core/", "test_api/", "test_plot.py", "test_system_metrics/", "test_sandbox/")

    total = sum((counts for file, counts in baseline.items() if file.startswith(first)), Counts())

    assert total.ran + total.skipped == 438
    assert total.passed == 367


def test_the_kept_reasons_are_sentences() -> None:
    reasons = parse_reasons((HERE / "reasons.toml").read_text("utf-8"))

    assert all(reason.strip() for reason in reasons.patterns.values())
