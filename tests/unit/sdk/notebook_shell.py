"""As much of IPython as the SDK uses, for tests that need no kernel."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Events:
    def __init__(self) -> None:
        self.hooks: dict[str, list[Callable[..., None]]] = {"pre_run_cell": [], "post_run_cell": []}

    def register(self, name: str, hook: Callable[..., None]) -> None:
        self.hooks[name].append(hook)

    def unregister(self, name: str, hook: Callable[..., None]) -> None:
        self.hooks[name].remove(hook)


class Shell:
    """As much of the shell of a kernel as is used."""

    def __init__(self, *, kernel: str | None = "abc-1") -> None:
        """A shell of a notebook, whose kernel has an id; or of a terminal."""
        self.config: dict[str, Any] = {}
        if kernel is not None:
            self.config["IPKernelApp"] = {"connection_file": f"/run/jupyter/kernel-{kernel}.json"}
            self.kernel = SimpleNamespace(language_info={"name": "python"})
        self.events = Events()
        self.published: list[Any] = []
        self.display_pub = SimpleNamespace(publish=self._publish)
        self.user_ns: dict[str, Any] = {}
        self.rows: list[Any] = []
        self.history_manager = SimpleNamespace(get_range=lambda output: self.rows, input_hist_raw=[""])
        self.magics: dict[str, Callable[..., None]] = {}
        self.on_cell: Callable[[], None] = lambda: None

    def _publish(self, data: Any, metadata: Any = None, **options: Any) -> None:
        self.published.append(data)

    def register_magic_function(self, function: Callable[..., None], *, magic_kind: str, magic_name: str) -> None:
        assert magic_kind == "line_cell"
        self.magics[magic_name] = function

    def run_cell(self, source: str) -> None:
        for hook in self.events.hooks["pre_run_cell"]:
            hook(None)
        self.history_manager.input_hist_raw.append(source)
        self.rows.append((0, len(self.history_manager.input_hist_raw) - 1, (source, None)))
        self.on_cell()
        for hook in self.events.hooks["post_run_cell"]:
            hook(None)


def use_shell(monkeypatch: pytest.MonkeyPatch, shell: Shell | None = None) -> Shell:
    """Let this process be a session of IPython."""
    shell = shell or Shell()
    module = ModuleType("IPython")
    module.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    return shell
