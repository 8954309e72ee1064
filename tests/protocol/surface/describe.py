"""Tells the public surface of a client as JSON: ``python describe.py MODULE``.

Runs in the environment of either client, so it imports nothing but the client and the standard library.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import sys
import types
from collections.abc import Iterator
from typing import Any

CLASSES_OF_MEDIA = (
    "Audio Bokeh BoundingBoxes2D Classes EvalTable Graph Histogram Html Image ImageMask JoinedTable Molecule Node "
    "Object3D PartitionedTable Plotly Table Video"
)
HOMES = {"wandb": "wandb.data_types", "kymograph": "kymograph.sdk.media"}
ERRORS = {"wandb": "wandb.errors", "kymograph": "kymograph.errors"}
PLAIN = (type(None), bool, int, float, str)


def surface(package: str) -> Iterator[tuple[str, str]]:
    """Each thing a script can name, and what it is: ``log(step)`` → ``= None``."""
    face = importlib.import_module(package)
    for name in sorted(names_of(face)):
        try:
            thing = getattr(face, name)
        except ImportError:  # of a package that it works with
            yield name, "module"
            continue
        if isinstance(thing, type):
            yield name, "class"
        elif isinstance(thing, types.ModuleType):
            yield name, "module"
        else:
            yield name, "function" if callable(thing) else "value"
            # Before `init` some functions of the other client are placeholders for the method of the same name.
            if not inspect.isfunction(thing):
                thing = getattr(face.Run, name, thing)
            if inspect.isfunction(thing):
                yield from parameters_of(name, thing)
    home, errors = importlib.import_module(HOMES[package]), importlib.import_module(ERRORS[package])
    for name in ("Run", "Settings", "Config"):
        yield from members_of(name, getattr(face, name), package)
    summary = importlib.import_module(f"{package}.sdk.wandb_summary" if package == "wandb" else "kymograph.sdk.summary")
    yield from members_of("Summary", summary.Summary, package)
    for name in CLASSES_OF_MEDIA.split():
        if hasattr(home, name):
            yield f"data_types.{name}", "class"
            yield from members_of(name, getattr(home, name), package)
    for name in sorted(names_of(face.plot)):
        yield f"plot.{name}", "class" if isinstance(getattr(face.plot, name), type) else "function"
        if inspect.isfunction(getattr(face.plot, name)):
            yield from parameters_of(f"plot.{name}", getattr(face.plot, name))
    for name in sorted(errors.__all__ if package == "wandb" else vars(errors)):
        if isinstance(getattr(errors, name), type):
            yield f"errors.{name}", "class"
    settings = face.Settings
    for name in sorted(getattr(settings, "model_fields", None) or annotated(settings)):
        if not name.startswith("_"):
            yield f"Settings.{name}", "setting"


def names_of(module: Any) -> set[str]:
    """What a module offers: all that it lists, or all that it has."""
    listed = set(getattr(module, "__all__", ()))
    more = {"wandb": set(dir(module)), "kymograph": set(getattr(module, "_MODULES", ()))}
    found = listed | more.get(module.__name__, set())
    return {name for name in found if not name.startswith("_") and name != "annotations"}


def members_of(name: str, kind: type, package: str) -> Iterator[tuple[str, str]]:
    """Members of a class that the client itself defines, with their parameters."""
    yield from parameters_of(name, kind.__init__)  # type: ignore[misc] # only looked at
    seen: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.split(".")[0] != package or issubclass(base, enum.Enum):
            continue
        for member, value in vars(base).items():
            if member.startswith("_") or member in seen:
                continue
            seen.add(member)
            if isinstance(value, staticmethod | classmethod):
                value = value.__func__
            yield f"{name}.{member}", "method" if inspect.isfunction(value) else "property"
            if inspect.isfunction(value):
                yield from parameters_of(f"{name}.{member}", value)


def parameters_of(name: str, function: Any) -> Iterator[tuple[str, str]]:
    """Names of parameters, with their defaults where these can be compared."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return
    for parameter in parameters:
        if parameter.name in ("self", "cls", "_cls") or parameter.name.startswith("_"):
            continue
        marks = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        if parameter.kind in marks:
            yield f"{name}({marks[parameter.kind]})", "any"
            continue
        default = parameter.default
        if default is parameter.empty:
            shown = "required"
        elif type(default) in PLAIN:
            shown = f"= {default!r}"
        else:
            shown = "= …"
        yield f"{name}({parameter.name})", shown


def annotated(kind: type) -> Iterator[str]:
    """Names with annotations in a class and its bases."""
    for base in kind.__mro__:
        yield from vars(base).get("__annotations__", {})


if __name__ == "__main__":
    print(json.dumps(dict(surface(sys.argv[1]))))
