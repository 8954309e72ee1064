"""The graph of a model's layers, drawn while data goes through them for the first time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kymograph.sdk.media.graph import Graph, Node

_CONTAINERS = ("Container", "Sequential", "ModuleList", "ModuleDict")
"""Modules that only hold others: what they hold are layers, and they are none."""


class WatchedGraph(Graph):
    """Layers of a PyTorch model in the order in which they were used first, with shapes and numbers of parameters."""

    def __init__(self, on_done: Callable[[WatchedGraph], None]) -> None:
        """Begin without layers.

        Args:
            on_done: Called when every layer was used once.
        """
        super().__init__("torch")
        self._on_done = on_done
        self._waiting: dict[int, Any] = {}

    def follow(self, model: Any) -> list[Any]:
        """Put hooks into the layers of a model; they take themselves out when they have seen it.

        Returns:
            The handles of the hooks.
        """
        for name, layer in _layers(model, ""):
            self._waiting[id(layer)] = layer.register_forward_hook(self._hook(name))
        return [*self._waiting.values()]

    def _hook(self, name: str) -> Callable[..., None]:
        def hook(layer: Any, _inputs: Any, output: Any) -> None:
            handle = self._waiting.pop(id(layer), None)
            if handle is None:
                return
            handle.remove()
            parameters = [[parameter, list(value.size())] for parameter, value in layer.named_parameters()]
            self.add_node(
                Node(
                    id=id(layer),
                    name=name,
                    class_name=str(layer),
                    output_shape=_shape(output if isinstance(output, tuple) else (output,)),
                    parameters=parameters,
                    num_parameters=[math.prod(size) for _, size in parameters],
                )
            )
            if not self._waiting:
                self._on_done(self)

        return hook


def _layers(module: Any, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, child in module.named_children():
        dotted = f"{prefix}.{name}" if prefix else name
        is_container = any(kind.__name__ in _CONTAINERS for kind in type(child).__mro__)
        found += _layers(child, dotted) if is_container else [(dotted, child)]
    return found


def _shape(value: Any, depth: int = 8) -> list[Any]:
    """The shape of a tensor, or of all in a nested tuple."""
    if hasattr(value, "size") and callable(value.size):
        return list(value.size())
    if hasattr(value, "shape"):
        return list(value.shape)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list) and depth:
        return [_shape(item, depth - 1) for item in value]
    return []
