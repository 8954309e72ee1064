"""As much of PyTorch as watching needs: tensors over NumPy, and modules with hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

Number: TypeAlias = float
"""The class below has a method of that name."""


class Tensor:
    def __init__(self, values: Any, dtype: str = "float32", *, zeros: int | None = None) -> None:
        self.array = np.asarray(values, dtype=dtype)
        self.requires_grad = True
        self.hooks: dict[int, Callable[[Any], None]] = {}
        self.is_sparse = zeros is not None
        self._zeros = zeros or 0

    @property
    def dtype(self) -> str:
        return f"torch.{self.array.dtype}"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def size(self) -> tuple[int, ...]:
        return self.array.shape

    def detach(self) -> Tensor:
        return self

    def coalesce(self) -> Tensor:
        return self

    def values(self) -> Tensor:
        return Tensor(self.array, str(self.array.dtype))

    def numel(self) -> int:
        return self.array.size + self._zeros

    def reshape(self, *shape: int) -> Tensor:
        return Tensor(self.array.reshape(*shape), str(self.array.dtype))

    def float(self) -> Tensor:
        return Tensor(self.array, "float32")

    def isfinite(self) -> Any:
        return np.isfinite(self.array)

    def __getitem__(self, chosen: Any) -> Tensor:
        return Tensor(self.array[chosen], str(self.array.dtype))

    def min(self) -> Any:
        return self.array.min()

    def max(self) -> Any:
        return self.array.max()

    def histc(self, *, bins: int, min: Number, max: Number) -> Any:
        assert self.dtype != "torch.float16", "PyTorch has no histogram of half precision"
        return np.histogram(self.array, bins=bins, range=(min, max))[0].astype("float32")

    def register_hook(self, hook: Callable[[Any], None]) -> Handle:
        return Handle(self.hooks, hook)

    def backward(self, gradient: Tensor) -> None:
        for hook in [*self.hooks.values()]:
            hook(gradient)


class Handle:
    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self._hooks = hooks
        hooks[id(self)] = hook

    def remove(self) -> None:
        self._hooks.pop(id(self), None)


class Module:
    def __init__(self, parameters: dict[str, Tensor] | None = None, **children: Module) -> None:
        self.own, self.children, self.hooks = parameters or {}, children, dict[int, Any]()

    def __str__(self) -> str:
        return f"{type(self).__name__}()"

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.own.items()
        for name, child in self.children.items():
            yield from ((f"{name}.{inner}", value) for inner, value in child.named_parameters())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        yield from self.children.items()

    def register_forward_hook(self, hook: Any) -> Handle:
        return Handle(self.hooks, hook)

    def __call__(self, value: Tensor) -> Tensor:
        for child in self.children.values():
            value = child(value)
        for hook in [*self.hooks.values()]:
            hook(self, (value,), value)
        return value


class Sequential(Module):
    pass


class Linear(Module):
    def __init__(self) -> None:
        super().__init__({"weight": Tensor(np.arange(6).reshape(2, 3)), "bias": Tensor([0.5, 1.5])})
