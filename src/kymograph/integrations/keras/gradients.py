"""Gradients of a model of Keras, on whatever it computes with.

Keras has no word for gradients that all backends know. What they all do is train: so the model is trained a batch at a
time with an optimizer that puts the gradient where the parameter is, and has its parameters back after each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Model: Any = object
    Optimizer: Any = object
    ops: Any = None
    tree: Any = None
else:
    from keras import Model, ops, tree
    from keras.optimizers import Optimizer

BATCH_SIZE = 32
"""Of data that come without one. Source: the default of ``fit``."""


class _PutsGradients(Optimizer):  # type: ignore[misc] # of a package without types
    """Makes every parameter its gradient."""

    def __init__(self) -> None:
        super().__init__(learning_rate=1.0)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Called by Keras for each parameter."""
        self.assign(variable, gradient)

    def get_config(self) -> dict[str, Any]:
        """For Keras: it has no settings."""
        return {}


class _Around(Model):  # type: ignore[misc] # of a package without types
    """A model that is another one: what it is compiled with leaves that one alone."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Called by Keras."""
        return self.inner(inputs, training=training)


class GradientProbe:
    """Tells the gradients of one model's loss on some data. The model is as before when it returns."""

    def __init__(self, model: Any) -> None:
        """Prepare a model that is built and compiled."""
        self._model = model
        self._around = _Around(model)
        self._around.compile(optimizer=_PutsGradients(), loss=model.loss)

    def gradients(self, data: Any, *, max_batches: int | None = None) -> dict[str, Any]:
        """Gradients by the paths of the parameters, summed over the batches.

        Args:
            data: ``(inputs, targets)``, or something that gives such batches.
            max_batches: How many are taken.

        Returns:
            Arrays of NumPy, each of the shape of its parameter.
        """
        model = self._model
        # Copies: on some backends an array of NumPy is the variable's own memory.
        kept = [(variable, ops.convert_to_numpy(variable).copy()) for variable in model.variables]
        sums: dict[str, Any] = {}
        for inputs, targets in islice(_batches(data), max_batches):
            try:
                self._around.train_on_batch(inputs, targets)
                for variable in model.trainable_variables:
                    gradient = ops.convert_to_numpy(variable)
                    before = sums.get(variable.path)
                    sums[variable.path] = gradient.copy() if before is None else before + gradient
            finally:
                for variable, value in kept:
                    variable.assign(value)
        return sums


def _batches(data: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(data, tuple | list):
        batches: Iterable[Any] = data
        for batch in batches:
            yield batch[0], batch[1]
        return
    inputs, targets = data
    for begin in range(0, len(tree.flatten(targets)[0]), BATCH_SIZE):

        def part(array: Any, begin: int = begin) -> Any:
            return array[begin : begin + BATCH_SIZE]

        yield tree.map_structure(part, inputs), tree.map_structure(part, targets)
