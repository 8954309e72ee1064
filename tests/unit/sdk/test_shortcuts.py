"""The module-level functions: what they take, give and mean is what the run's methods of the same name do."""

from __future__ import annotations

import inspect

import pytest

from kymograph.sdk import shortcuts
from kymograph.sdk.run import Run

OF_RUNS = [
    name
    for name, function in inspect.getmembers(shortcuts, inspect.isfunction)
    if function.__module__ == shortcuts.__name__ and hasattr(Run, name)
]


def test_all_that_stand_for_a_method_are_compared() -> None:
    assert {"log", "finish", "define_metric", "alert", "save", "watch", "unwatch", "write_logs"} <= set(OF_RUNS)


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_shortcut_has_the_signature_of_the_method_that_it_stands_for(name: str) -> None:
    shortcut = inspect.signature(getattr(shortcuts, name))
    method = inspect.signature(getattr(Run, name))

    of_run, *parameters = method.parameters.values()
    assert of_run.name == "self"
    assert shortcut == method.replace(parameters=parameters)


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_shortcut_says_where_it_is_explained(name: str) -> None:
    text = inspect.getdoc(getattr(shortcuts, name)) or ""

    assert f"`Run.{name}`" in text or name == "finish"
