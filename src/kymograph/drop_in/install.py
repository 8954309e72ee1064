"""Puts the import hook in place, and takes it away."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, cast

from kymograph.drop_in.finder import ROOT, WandbFinder, drop_all, is_stand_in
from kymograph.drop_in.neighbours import NeighbourFinder, NeighbourModule
from kymograph.errors import UsageError


def install_as_wandb() -> ModuleType:
    """Have ``import wandb`` give kymograph in this process, also in packages that import it themselves.

    Call it before anything imports ``wandb``; calling it twice changes nothing.

    Returns:
        The module that ``import wandb`` gives from now on.

    Raises:
        UsageError: Another ``wandb`` is imported already; nothing is changed then.
    """
    present = sys.modules.get(ROOT)
    if present is not None and not is_stand_in(present) and not _is_signpost(present):
        place = getattr(present, "__file__", None) or "somewhere"
        raise UsageError(
            f"another package {ROOT!r} is imported already (from {place}): call install_as_wandb() before anything "
            f"imports it, or start the program as: python -m kymograph.as_wandb PROGRAM"
        )
    if not any(isinstance(finder, WandbFinder) for finder in sys.meta_path):
        sys.meta_path[:0] = [cast("Any", WandbFinder()), cast("Any", NeighbourFinder())]
    if present is not None and _is_signpost(present):
        del sys.modules[ROOT]
    return importlib.import_module(ROOT)


def uninstall_as_wandb() -> None:
    """Have ``import wandb`` mean again what it meant; modules that have imported ours keep it."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, WandbFinder | NeighbourFinder)]
    drop_all()
    for name, module in [*sys.modules.items()]:
        if isinstance(module, NeighbourModule):
            del sys.modules[name]


def _is_signpost(module: ModuleType) -> bool:
    """Whether it is the module on the path of child processes, which leads here."""
    return bool(getattr(module, "LEADS_TO_KYMOGRAPH", False))
