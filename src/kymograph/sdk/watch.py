"""Watching models: histograms of their parameters and gradients, and the graph of their layers, as they train.

Works with what PyTorch's modules and tensors can do, and imports nothing of it.

Source: seeds.md E.14; names of metrics as the vendor's client 0.31.0 gives them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from kymograph.errors import InvalidChoice, InvalidValue, UsageError
from kymograph.sdk.media.histogram import Histogram
from kymograph.sdk.watched_graph import WatchedGraph

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

What = Literal["gradients", "parameters", "all"]
BINS = 64
_KINDS = ("gradients", "parameters", "all")


class Watcher:
    """The hooks that one run has in models. Belongs to the thread that trains."""

    def __init__(self, run: Run) -> None:
        """Nothing is watched yet."""
        self._run = run
        self._hooks: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()
        self._models_so_far = 0

    def watch(
        self,
        models: Any,
        *,
        what: What | None = "gradients",
        every: int = 1000,
        index: int | None = None,
        with_graph: bool = False,
    ) -> list[WatchedGraph]:
        """Put hooks into models.

        Args:
            models: One, or several.
            what: gradients, parameters, all, or None for neither.
            every: After how many batches they are logged.
            index: Number of the first model, for names; default: how many there were before.
            with_graph: Whether the layers are put into the summary, once data has gone through all of them.

        Returns:
            The graphs, empty still.

        Raises:
            InvalidChoice: `what` is none of these.
            InvalidValue: Something is no model.
            UsageError: A model is watched already.
        """
        if what is not None and what not in _KINDS:
            raise InvalidChoice("log", what, rule=f"one of {', '.join(_KINDS)}, or None")
        listed = _several(models)
        for model in listed:
            if not all(hasattr(model, name) for name in ("named_parameters", "register_forward_hook")):
                raise InvalidValue("watch(models)", model, rule="give a torch.nn.Module, or a list of them")
            if model in self._hooks:
                raise UsageError("this model is watched already; call unwatch() first")
        first = self._models_so_far if index is None else index
        graphs = []
        for number, model in enumerate(listed, first):
            self._models_so_far += 1
            hooks = self._hooks.setdefault(model, [])
            # No dot behind it: charts that people have made are called so. Source: the vendor's client.
            prefix = f"graph_{number}" if number else ""
            if what in ("parameters", "all"):
                hooks.append(model.register_forward_hook(self._parameters_hook(prefix, every)))
            if what in ("gradients", "all"):
                hooks += self._gradient_hooks(model, prefix, every)
            if with_graph:
                graph = WatchedGraph(on_done=self._keep_graph(f"graph_{number}"))
                hooks += graph.follow(model)
                graphs.append(graph)
        return graphs

    def unwatch(self, models: Any = None) -> None:
        """Take the hooks out of some models, or of all; one that is not watched is told of."""
        listed = [*self._hooks] if models is None else _several(models)
        for model in listed:
            hooks = self._hooks.pop(model, None)
            if hooks is None:
                self._run._voice.warn(f"unwatch(): {type(model).__name__} is not watched")
            for hook in hooks or ():
                hook.remove()

    def _parameters_hook(self, prefix: str, every: int) -> Callable[..., None]:
        is_due = _counter(every)

        def hook(module: Any, _inputs: Any, _outputs: Any) -> None:
            if is_due():
                for name, parameter in module.named_parameters():
                    self._log(f"parameters/{prefix}{name}", parameter)

        return hook

    def _gradient_hooks(self, model: Any, prefix: str, every: int) -> list[Any]:
        return [
            parameter.register_hook(self._gradient_hook(f"gradients/{prefix}{name}", every))
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        ]

    def _gradient_hook(self, name: str, every: int) -> Callable[[Any], None]:
        is_due = _counter(every)

        def hook(gradient: Any) -> None:
            if is_due():
                self._log(name, gradient)

        return hook

    def _log(self, name: str, tensor: Any) -> None:
        if self._run._is_finished:
            return  # the training goes on without its run
        histogram = histogram_of(tensor)
        if histogram is not None:
            self._run.log({name: histogram}, commit=False)

    def _keep_graph(self, key: str) -> Callable[[WatchedGraph], None]:
        def keep(graph: WatchedGraph) -> None:
            if not self._run._is_finished:
                self._run.summary[key] = graph

        return keep


def histogram_of(tensor: Any) -> Histogram | None:
    """How the values of a tensor fall into 64 bins; None if none of them is finite.

    Values that are not finite are left out; of a sparse tensor the zeros that it does not hold are counted.
    """
    values = tensor.detach()
    zeros = 0
    if getattr(values, "is_sparse", False):
        held = values.coalesce().values()
        zeros, values = values.numel() - held.numel(), held
    # Counted where the tensor is; half precision has no histogram there, and a float64 keeps its own.
    flat = values.reshape(-1)
    flat = flat if str(flat.dtype) in ("torch.float32", "torch.float64") else flat.float()
    flat = flat[flat.isfinite()]
    if not flat.numel():
        return Histogram(np_histogram=([zeros], [0.0, 0.0])) if zeros else None
    low, high = float(flat.min().item()), float(flat.max().item())
    if zeros:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return Histogram(np_histogram=([flat.numel() + zeros], [low, high]))
    counts = [int(count) for count in flat.histc(bins=BINS, min=low, max=high).tolist()]
    edges = [low + (high - low) * number / BINS for number in range(BINS)] + [high]
    if zeros:
        counts[_bin_of(0.0, low, high)] += zeros
    return Histogram(np_histogram=(counts, edges))


def _bin_of(value: float, low: float, high: float) -> int:
    return min(math.floor((value - low) / (high - low) * BINS), BINS - 1)


def _counter(every: int) -> Callable[[], bool]:
    """True at every so many calls."""
    calls = 0

    def is_due() -> bool:
        nonlocal calls
        calls += 1
        if calls < every:
            return False
        calls = 0
        return True

    return is_due


def _several(models: Any) -> list[Any]:
    return list(models) if isinstance(models, tuple | list) else [models]
