"""A small neural network in NumPy: dense layers, four activations, three optimisers.

Enough to train for real in a few seconds on any machine, and nothing to install but NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

ACTIVATIONS: dict[str, tuple[Callable[[Matrix], Matrix], Callable[[Matrix], Matrix]]] = {
    "relu": (lambda x: np.maximum(x, 0.0), lambda y: (y > 0.0).astype(np.float64)),
    "tanh": (np.tanh, lambda y: 1.0 - y * y),
    "cubic": (lambda x: x * x * x, lambda y: 3.0 * np.cbrt(y) ** 2),
    "sigmoid": (lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)), lambda y: y * (1.0 - y)),
}
"""Name → the function, and its derivative in terms of its own output."""


@dataclass(slots=True)
class Batch:
    """What one forward and backward pass found."""

    loss: float
    """Mean cross-entropy, without weight decay."""
    accuracy: float
    gradients: list[Matrix]
    """One per parameter, in the order of `Network.parameters`."""


class Network:
    """A multilayer perceptron with a softmax on top."""

    def __init__(self, sizes: Sequence[int], activation: str, rng: np.random.Generator) -> None:
        """Draw the first weights.

        Args:
            sizes: Width of every layer, input and output included.
            activation: A key of `ACTIVATIONS`.
            rng: Where the weights come from.
        """
        self.activate, self.slope = ACTIVATIONS[activation]
        gain = 2.0 if activation == "relu" else 1.0
        self.parameters: list[Matrix] = []
        for fan_in, fan_out in pairwise(sizes):
            self.parameters.append(rng.normal(0.0, np.sqrt(gain / fan_in), (fan_in, fan_out)))
            self.parameters.append(np.zeros(fan_out))

    @property
    def weights(self) -> list[Matrix]:
        """The weight matrices, first layer first, without the biases."""
        return self.parameters[::2]

    def forward(self, inputs: Matrix) -> list[Matrix]:
        """Return the output of every layer: the inputs, the hidden layers, then log-probabilities."""
        outputs = [inputs]
        for index in range(0, len(self.parameters), 2):
            weights, bias = self.parameters[index : index + 2]
            total = outputs[-1] @ weights + bias
            outputs.append(total if index + 2 == len(self.parameters) else self.activate(total))
        logits = outputs[-1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        outputs[-1] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return outputs

    def learn(self, inputs: Matrix, labels: NDArray[np.int64], weight_decay: float) -> Batch:
        """Run one batch forward and backward.

        Args:
            inputs: (n, n_features).
            labels: (n,) class numbers.
            weight_decay: Factor of half the squared weights in the objective.
        """
        outputs = self.forward(inputs)
        rows = np.arange(len(labels))
        log_probabilities = outputs[-1]
        error = np.exp(log_probabilities)
        error[rows, labels] -= 1.0
        error /= len(labels)

        gradients: list[Matrix] = []
        for index in range(len(self.parameters) - 2, -1, -2):
            before = outputs[index // 2]
            weights = self.parameters[index]
            gradients[:0] = [before.T @ error + weight_decay * weights, error.sum(axis=0)]
            if index:
                error = (error @ weights.T) * self.slope(before)

        return Batch(
            loss=float(-log_probabilities[rows, labels].mean()),
            accuracy=float((log_probabilities.argmax(axis=1) == labels).mean()),
            gradients=gradients,
        )


class Optimizer:
    """Moves parameters down their gradients: plain, with momentum, or Adam."""

    def __init__(self, kind: str, parameters: list[Matrix], momentum: float = 0.9) -> None:
        """Start with no history.

        Args:
            kind: ``sgd``, ``momentum`` or ``adam``.
            parameters: Changed in place by `step`.
            momentum: Share of the last move that is kept; Adam's first decay.
        """
        self.kind = kind
        self.parameters = parameters
        self.momentum = momentum
        self.moves = [np.zeros_like(parameter) for parameter in parameters]
        self.squares = [np.zeros_like(parameter) for parameter in parameters]
        self.steps = 0

    def step(self, gradients: list[Matrix], learning_rate: float) -> float:
        """Move once; return the length of the move over the length of the parameters."""
        self.steps += 1
        moved = length = 0.0
        for parameter, gradient, move, square in zip(self.parameters, gradients, self.moves, self.squares, strict=True):
            if self.kind == "adam":
                move *= self.momentum
                move += (1.0 - self.momentum) * gradient
                square *= 0.999
                square += 0.001 * gradient * gradient
                mean = move / (1.0 - self.momentum**self.steps)
                change = -learning_rate * mean / (np.sqrt(square / (1.0 - 0.999**self.steps)) + 1e-8)
            elif self.kind == "momentum":
                move *= self.momentum
                move -= learning_rate * gradient
                change = move
            else:
                change = -learning_rate * gradient
            length += float((parameter * parameter).sum())
            moved += float((change * change).sum())
            parameter += change
        return float(np.sqrt(moved / length)) if length else 0.0
