"""Watching models, by a stand-in for PyTorch; tests/integrations runs the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kymograph
from kymograph.errors import InvalidChoice, InvalidValue, UsageError
from kymograph.sdk.watch import BINS, histogram_of
from kymograph.testing.recorded_run import RecordedRun
from tests.unit.sdk.fake_torch import Linear, Module, Sequential, Tensor


def logged(recorded: RecordedRun) -> dict[str, Any]:
    """Names of what was logged, with how many values fell into bins in all."""
    return {
        key.removesuffix(".values"): sum(value)
        for row in recorded.values
        for key, value in row.items()
        if key.endswith(".values")
    } or {key: sum(value["values"]) for row in recorded.values for key, value in row.items() if isinstance(value, dict)}


def test_parameters_are_logged_every_so_many_batches(kymograph_run: RecordedRun) -> None:
    model = Linear()
    kymograph.watch(model, log="parameters", log_freq=3)

    for _ in range(2):
        model(Tensor([1.0]))
    assert kymograph_run.values == []
    model(Tensor([1.0]))

    assert logged(kymograph_run) == {"parameters/weight": 6, "parameters/bias": 2}


def test_gradients_are_logged_as_they_come(kymograph_run: RecordedRun) -> None:
    model = Module(first=Linear())
    kymograph.watch(model, log_freq=1)

    model.children["first"].own["weight"].backward(Tensor([1.0, 2.0, 3.0]))

    assert logged(kymograph_run) == {"gradients/first.weight": 3}


def test_a_second_model_has_names_of_its_own(kymograph_run: RecordedRun) -> None:
    models = [Linear(), Linear()]
    kymograph.watch(models, log="all", log_freq=1)

    models[1](Tensor([1.0]))
    models[1].own["bias"].backward(Tensor([1.0]))

    assert set(logged(kymograph_run)) == {
        "parameters/graph_1weight",
        "parameters/graph_1bias",
        "gradients/graph_1bias",
    }


def test_watching_writes_into_the_row_that_is_open(kymograph_run: RecordedRun) -> None:
    model = Linear()
    kymograph.watch(model, log="parameters", log_freq=1)

    model(Tensor([1.0]))
    kymograph.log({"loss": 1.0})

    assert {row["_step"] for row in kymograph_run.rows} == {0}
    assert kymograph_run.run.step == 1


def test_unwatching_takes_the_hooks_out(kymograph_run: RecordedRun, capsys: pytest.CaptureFixture[str]) -> None:
    models = [Linear(), Linear(), Linear()]
    kymograph.watch(models, log="all", log_freq=1)

    kymograph.unwatch(models[0])
    kymograph.unwatch(models[0])
    kymograph.unwatch()

    assert "Linear is not watched" in capsys.readouterr().err
    assert all(not model.hooks and not model.own["bias"].hooks for model in models)
    kymograph.watch(models[0])


def test_a_model_is_watched_once(kymograph_run: RecordedRun) -> None:
    model = Linear()
    kymograph.watch(model)

    with pytest.raises(UsageError, match="watched already"):
        kymograph.watch(model)


def test_what_cannot_be_watched_is_named(kymograph_run: RecordedRun) -> None:
    with pytest.raises(InvalidValue, match=r"watch\(models\) is of type int"):
        kymograph.watch(3)
    with pytest.raises(InvalidChoice, match="one of gradients, parameters, all"):
        kymograph.watch(Linear(), log="weights")  # type: ignore[arg-type] # that is the point


@pytest.mark.kymograph_run(environment={"WANDB_WATCH": "false"})
def test_a_variable_switches_watching_off(kymograph_run: RecordedRun) -> None:
    model = Linear()
    kymograph.watch(model, log="all", log_freq=1)
    model(Tensor([1.0]))

    assert not model.hooks
    assert kymograph_run.values == []


def test_a_training_goes_on_when_its_run_has_ended(kymograph_run: RecordedRun) -> None:
    model = Linear()
    kymograph.watch(model, log="all", log_freq=1)
    kymograph.finish(quiet=True)

    model(Tensor([1.0]))
    model.own["bias"].backward(Tensor([1.0]))


def test_the_layers_are_in_the_summary_once_data_went_through(kymograph_run: RecordedRun) -> None:
    model = Module(head=Linear(), body=Sequential(one=Linear(), two=Linear()))
    (graph,) = kymograph.watch(model, log=None, log_graph=True)

    model(Tensor(np.zeros((4, 3))))
    model(Tensor(np.zeros((4, 3))))

    assert [node.name for node in graph.nodes] == ["head", "body.one", "body.two"]
    assert graph.nodes[0].output_shape == [[4, 3]]
    assert graph.nodes[0].parameters == [["weight", [2, 3]], ["bias", [2]]]
    assert graph.nodes[0].num_parameters == [6, 2]
    summary = kymograph_run.summary["graph_0"]
    assert summary["_type"] == "graph-file"
    assert summary["path"] in kymograph_run.files


@pytest.mark.parametrize(
    ("tensor", "total", "low", "high"),
    [
        (Tensor([1.0, 2.0, np.nan, np.inf, -np.inf]), 2, 1.0, 2.0),
        (Tensor([0.5, 1.5], "float16"), 2, 0.5, 1.5),
        (Tensor([1, 2, 3], "int64"), 3, 1.0, 3.0),
        (Tensor([3.0, 4.0], zeros=5), 7, 0.0, 4.0),
        (Tensor([-3.0, -4.0], zeros=5), 7, -4.0, 0.0),
    ],
)
def test_finite_values_and_zeros_are_counted(tensor: Tensor, total: int, low: float, high: float) -> None:
    histogram = histogram_of(tensor)

    assert histogram is not None
    assert len(histogram.histogram) == BINS
    assert sum(histogram.histogram) == total
    assert (histogram.bins[0], histogram.bins[-1]) == (low, high)


def test_values_that_are_all_equal_have_one_bin() -> None:
    histogram = histogram_of(Tensor([2.0, 2.0, 2.0]))

    assert histogram is not None
    assert (histogram.histogram, histogram.bins) == ([3], [2.0, 2.0])


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_nothing_finite_is_nothing_to_log(values: list[float]) -> None:
    assert histogram_of(Tensor(values)) is None


def test_zeros_alone_are_counted() -> None:
    histogram = histogram_of(Tensor([], zeros=4))

    assert histogram is not None
    assert histogram.histogram == [4]


Begin = Callable[..., RecordedRun]


def test_models_of_two_runs_are_watched_apart(kymograph_begin: Begin) -> None:
    first, second = (kymograph_begin(reinit="create_new") for _ in range(2))
    model = Linear()
    first.run.watch(model, log="parameters", log_freq=1)
    second.run.watch(Linear())

    model(Tensor([1.0]))

    assert set(logged(first)) == {"parameters/weight", "parameters/bias"}
    assert second.values == []
