"""`WandbCallback`: the one callback for everything that older versions of the protocol's client had."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import kymograph
from kymograph.integrations.keras.package import Callback, number_of
from kymograph.integrations.models import keep_model, require_run

MAX_PREDICTIONS = 100
_IMAGE_KINDS = ("image", "images")


class WandbCallback(Callback):  # type: ignore[misc] # of a package without types
    """Logs metrics, parameters and predictions, keeps the best model, and notes when it was the best."""

    def __init__(
        self,
        monitor: str = "val_loss",
        verbose: int = 0,
        mode: Literal["auto", "min", "max"] = "auto",
        save_weights_only: bool = False,
        log_weights: bool = False,
        log_gradients: bool = False,
        save_model: bool = True,
        training_data: Any = None,
        validation_data: Any = None,
        labels: Sequence[str] | None = None,
        predictions: int = 36,
        generator: Any = None,
        input_type: str | None = None,
        output_type: str | None = None,
        log_evaluation: bool = False,
        validation_steps: int | None = None,
        class_colors: Any = None,
        log_batch_frequency: int | None = None,
        log_best_prefix: str | None = "best_",
        save_graph: bool = True,
        data_type: str | None = None,
        **_others: Any,
    ) -> None:
        """Prepare, with a run active.

        Args:
            monitor: The metric that says how good the model is.
            verbose: Whether it is said when the model gets better.
            mode: Whether less or more of it is better; auto: more of an accuracy or F-measure, less of all else.
            save_weights_only: Whether the weights alone are kept.
            log_weights: Whether histograms of the parameters are logged after each epoch.
            log_gradients: Whether histograms of the gradients of the loss on `training_data` are.
            save_model: Whether the best model is kept.
            training_data: ``(inputs, targets)``, or something that gives batches of them, for gradients.
            validation_data: ``(inputs, targets)``, for predictions.
            labels: Names of the classes.
            predictions: How many inputs are shown with their predictions, at most 100.
            generator: Gives ``(inputs, targets)`` instead.
            input_type: "image", if inputs are to be shown as pictures.
            output_type: "label", if outputs are probabilities of classes.
            log_evaluation: Whether a table of inputs, targets and predictions is logged at the end.
            validation_steps: How many batches are taken from `generator`.
            class_colors: Not used; accepted for old scripts.
            log_batch_frequency: After how many batches metrics are logged as well.
            log_best_prefix: What the best value of the monitored metric is called by in the summary, and its epoch.
            save_graph: Whether the layers are logged.
            data_type: `input_type` by its older name.

        Raises:
            UsageError: No run is active, or gradients were asked for without `training_data`.
        """
        super().__init__()
        run = require_run("WandbCallback()")
        if log_gradients and training_data is None:
            raise kymograph.UsageError(
                "WandbCallback(log_gradients=True) needs training_data=(inputs, targets) as well"
            )
        if isinstance(training_data, tuple | list) and len(training_data) != 2:
            raise kymograph.UsageError("WandbCallback(training_data=…) must be a pair: (inputs, targets)")
        self.log_gradients, self.training_data = log_gradients, training_data
        self.monitor, self.verbose, self.labels = monitor, verbose, list(labels or ())
        is_more_better = mode == "max" or (mode == "auto" and ("acc" in monitor or monitor.startswith("fmeasure")))
        self._is_better: Callable[[float, float], bool] = operator.gt if is_more_better else operator.lt
        self.best = float("-inf") if is_more_better else float("inf")
        self.save_model, self.save_weights_only = save_model, save_weights_only
        self.log_weights, self.log_evaluation, self.save_graph = log_weights, log_evaluation, save_graph
        self.validation_data, self.generator = validation_data, generator
        self.validation_steps, self.predictions = validation_steps, min(predictions, MAX_PREDICTIONS)
        self.input_type, self.output_type = input_type or data_type, output_type
        self.log_batch_frequency, self.log_best_prefix = log_batch_frequency, log_best_prefix
        ending = ".weights.h5" if save_weights_only else ".keras"
        self.filepath = Path(run.dir) / f"model-best{ending}"
        if log_best_prefix and run.resumed:
            self.best = run.summary.get(f"{log_best_prefix}{monitor}", self.best)
        self._has_graph = False
        self._probe: Any = None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log a batch, if it is one of those that are logged."""
        self._log_graph()
        if self.log_batch_frequency and batch % self.log_batch_frequency == 0:
            kymograph.log(dict(logs or {}))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log an epoch, and keep the model if it is the best so far."""
        row: dict[str, Any] = {"epoch": epoch, **(logs or {})}
        if self.log_weights:
            row |= {
                f"parameters/{variable.path}": kymograph.Histogram(_flat(variable))
                for variable in self.model.trainable_variables
            }
        if self.log_gradients:
            row |= self._gradients()
        inputs, _ = self._samples()
        if inputs is not None and self.input_type in _IMAGE_KINDS:
            row["examples"] = self._examples(inputs)
        kymograph.log(row)
        value = (logs or {}).get(self.monitor)
        if value is not None and self._is_better(number_of(value), self.best):
            self._note_best(epoch, number_of(value))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log the table of predictions, if it is wanted."""
        inputs, targets = self._samples()
        if not self.log_evaluation or inputs is None:
            return
        outputs = self.model.predict(inputs, verbose=0)
        shown = self._examples(inputs) if self.input_type in _IMAGE_KINDS else [_shown(one) for one in inputs]
        rows = [
            [one, None if targets is None else self._label(targets[index]), self._label(outputs[index])]
            for index, one in enumerate(shown)
        ]
        kymograph.log({"eval": kymograph.Table(columns=["input", "target", "prediction"], data=rows)})

    def _gradients(self) -> dict[str, Any]:
        if self._probe is None:
            from kymograph.integrations.keras.gradients import GradientProbe

            self._probe = GradientProbe(self.model)
        found = self._probe.gradients(self.training_data, max_batches=(self.params or {}).get("steps"))
        return {f"gradients/{path}.gradient": kymograph.Histogram(values) for path, values in found.items()}

    def _note_best(self, epoch: int, value: float) -> None:
        run = require_run("WandbCallback")
        if self.verbose:
            kymograph.termlog(f"epoch {epoch}: {self.monitor} went from {self.best:.5f} to {value:.5f}")
        self.best = value
        if self.log_best_prefix:
            run.summary[f"{self.log_best_prefix}{self.monitor}"] = value
            run.summary[f"{self.log_best_prefix}epoch"] = epoch
        if self.save_model:
            (self.model.save_weights if self.save_weights_only else self.model.save)(self.filepath)
            keep_model(self.filepath, f"model-{run.name or run.id}", ["latest", "best"])

    def _log_graph(self) -> None:
        if self.save_graph and not self._has_graph and getattr(self.model, "built", False):
            self._has_graph = True
            require_run("WandbCallback").summary["graph"] = kymograph.Graph.from_keras(self.model)

    def _samples(self) -> tuple[Any, Any]:
        if self.validation_data is not None:
            inputs, targets = self.validation_data[:2]
            return inputs[: self.predictions], targets[: self.predictions]
        if self.generator is not None:
            return tuple(part[: self.predictions] for part in next(iter(self.generator))[:2])
        return None, None

    def _examples(self, inputs: Any) -> list[Any]:
        outputs = self.model.predict(inputs, verbose=0)
        return [
            kymograph.Image(image, caption=str(self._label(output)))
            for image, output in zip(inputs, outputs, strict=False)
        ]

    def _label(self, output: Any) -> Any:
        """The class of an output, by name if it has one; of a single value, that."""
        values = output.tolist() if hasattr(output, "tolist") else output
        if not isinstance(values, list):
            number = values
        elif len(values) == 1:
            return values[0]
        elif all(isinstance(value, int | float) for value in values):
            number = max(range(len(values)), key=values.__getitem__)
        else:
            return str(values)
        return self.labels[int(number)] if self.labels and 0 <= int(number) < len(self.labels) else number


def _flat(variable: Any) -> Any:
    value = variable.value if hasattr(variable, "value") else variable
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return value.numpy().reshape(-1)


def _shown(one: Any) -> Any:
    values = one.tolist() if hasattr(one, "tolist") else one
    return values if isinstance(values, int | float | str) else str(values)
