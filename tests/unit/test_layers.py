"""Imports point towards the ground: the import graph of the package against the table of its layers.

Every import statement counts, wherever it stands (in a function, under ``TYPE_CHECKING``): an arrow that is only
followed by type checkers still ties two layers together.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "kymograph"
SOURCE = Path(__file__).resolve().parents[2] / "src" / PACKAGE

GROUND = frozenset({"errors", "types"})
CORE = GROUND | {"core"}
CLIENT_SIDE = CORE | {"wire", "client"}

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": GROUND,
    "types": GROUND,
    "core": GROUND,
    "wire": CORE,
    "storage": CORE,
    "services": CORE | {"storage ports"},
    "server": CORE | {"wire", "services", "compare"},
    "client": CORE | {"wire"},
    "sdk": CLIENT_SIDE,
    "fs": CLIENT_SIDE,
    "bucket": CLIENT_SIDE | {"sdk"},
    "compare": CLIENT_SIDE | {"sdk"},
    "agent": CLIENT_SIDE | {"sdk"},
    "face": CLIENT_SIDE | {"sdk", "integrations", "drop_in"},
    "integrations": frozenset({"face"}),
    "drop_in": CLIENT_SIDE | {"sdk", "integrations", "bucket"},
    "as_wandb": frozenset({"errors", "drop_in"}),
}
"""Layer → layers it may import, besides itself. `cli` and `testing` may import any; nothing but they imports them."""

UNRESTRICTED = frozenset({"cli", "testing"})
COMPARE_ALONE = frozenset({f"{PACKAGE}.compare.{module}" for module in ("alone", "passing", "remote")})
"""The comparer over a client. The server mounts the rest of that layer, which so knows no client: decision 0021."""
ADAPTER_WIRING = frozenset({f"{PACKAGE}.server.deps"})
"""Modules that see the storage layer whole, because they choose its adapters."""

FOREIGN_HOMES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("alembic", "duckdb", "psycopg", "psycopg_pool", "sqlalchemy"), frozenset({"storage"})),
    # The store of a server, and what the SDK reaches the user's own buckets by, as it does by boto3.
    "obstore": frozenset({"storage", "sdk"}),
    **dict.fromkeys(("ariadne", "starlette", "uvicorn"), frozenset({"server"})),
    "fastapi": frozenset({"server", "compare"}),
}
"""Driver and framework libraries → the layers that may know them (besides the unrestricted)."""

PURE_LAYERS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "types": frozenset(),
    "core": frozenset({"numpy", "orjson", "xxhash"}),  # arithmetic on columns, JSON text, digests: no I/O in any
}
"""Layers below all I/O → what they may import besides the standard library."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One import statement's claim on one module."""

    importer: str
    line: int
    target: str
    """Dotted module name; of `from a import b`, `a.b` when that is a module of ours, else `a`."""
    name: str | None = None
    """What was taken from `target`, if it was a plain name."""


def module_name(path: Path, package_root: Path) -> str:
    parts = path.relative_to(package_root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows_of(path: Path, package_root: Path) -> Iterator[Arrow]:
    importer = module_name(path, package_root)
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (Arrow(importer, node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join(package.split(".")[: len(package.split(".")) - level + 1]) if level else ""
                source = ".".join(part for part in (base, module) if part)
                for alias in names:
                    if is_module(inner := f"{source}.{alias.name}", package_root):
                        yield Arrow(importer, node.lineno, inner)
                    else:
                        yield Arrow(importer, node.lineno, source, alias.name)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(target)), *_],
            ):
                yield Arrow(importer, node.lineno, target)


def is_module(name: str, package_root: Path) -> bool:
    path = package_root.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def layer_of(module: str) -> str:
    """Return the layer of a module of ours; the package itself is the public face."""
    return module.split(".")[1] if "." in module else "face"


def is_storage_port(module: str) -> bool:
    """Tell whether a storage module is a port: the interfaces stand in modules called ``base``."""
    return module.rpartition(".")[2] in ("base", "storage")


def complaint(arrow: Arrow) -> str | None:
    """Return what is wrong with an import, or None."""
    layer = layer_of(arrow.importer)
    if arrow.target.split(".")[0] != PACKAGE:
        return foreign_complaint(layer, arrow.target.split(".")[0])

    target = layer_of(arrow.target)
    if target == layer or layer in UNRESTRICTED:
        return None
    if target == "face" and arrow.name is not None and arrow.name.startswith("__"):
        return None  # `from kymograph import __version__`: a constant, not the face
    if target in UNRESTRICTED:
        return f"nothing imports {target}"
    if layer not in MAY_IMPORT:
        return f"{layer!r} is no known layer; add it to the table in this test and in the design"
    if target == "storage" and arrow.importer in ADAPTER_WIRING:
        return None

    if layer == "compare" and target in ("client", "sdk") and arrow.importer not in COMPARE_ALONE:
        return "of the comparer, only what runs without a server of ours may know the client"
    if layer == "server" and arrow.target in COMPARE_ALONE:
        return "the server compares by its own services, not through the client"

    allowed = MAY_IMPORT[layer]
    if target == "storage" and "storage ports" in allowed:
        return None if is_storage_port(arrow.target) else f"{layer} may import storage ports only, this is an adapter"
    if target in allowed:
        return None
    return f"{layer} may import only {', '.join(sorted(allowed)) or 'nothing of ours'}"


def foreign_complaint(layer: str, library: str) -> str | None:
    if layer in UNRESTRICTED:
        return None
    if library in FOREIGN_HOMES and layer not in FOREIGN_HOMES[library]:
        return f"{library} is known to {' and '.join(sorted(FOREIGN_HOMES[library]))} only"
    if layer in PURE_LAYERS and library not in sys.stdlib_module_names | PURE_LAYERS[layer]:
        return (
            f"{layer} is pure: it may import the standard library only, besides {set(PURE_LAYERS[layer]) or 'nothing'}"
        )
    return None


def wrong_arrows(package_root: Path) -> list[str]:
    """Return one readable line per import that breaks the table."""
    lines = []
    for path in sorted(package_root.rglob("*.py")):
        for arrow in arrows_of(path, package_root):
            if (reason := complaint(arrow)) is not None:
                where = path.relative_to(package_root.parent)
                lines.append(f"{where}:{arrow.line}: imports {arrow.target}: {reason}")
    return lines


def test_imports_point_towards_the_ground() -> None:
    wrong = wrong_arrows(SOURCE)

    assert not wrong, "imports against the layers (style guide, section 5):\n" + "\n".join(wrong)


def test_importing_the_package_stays_light() -> None:
    heavy = ("numpy", "duckdb", "fastapi", "sqlalchemy", "obstore", "graphql", "uvicorn")
    script = f"import sys, kymograph; print(*[name for name in {heavy!r} if name in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == []


@pytest.mark.parametrize(
    ("module", "text", "reason"),
    [
        ("core/run.py", "import kymograph.wire.journal", "core may import only errors, types"),
        ("core/run.py", "import requests", "core is pure"),
        ("core/run.py", "def f():\n    from kymograph.sdk import run", "core may import only"),
        ("wire/filestream.py", "from ..storage.history import tail", "wire may import only"),
        (
            "storage/sql.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kymograph.wire import journal",
            "storage may import only",
        ),
        ("services/runs.py", "from kymograph.storage.metadata.sql import SqlRuns", "storage ports only"),
        ("services/runs.py", "from kymograph.storage.history import tail", "storage ports only"),
        ("services/runs.py", "import fastapi", "fastapi is known to compare and server only"),
        ("server/app.py", "from kymograph.storage.metadata.sql import SqlRuns", "server may import only"),
        ("server/app.py", "import sqlalchemy.exc", "sqlalchemy is known to storage only"),
        ("sdk/run.py", "import importlib\nimportlib.import_module('kymograph.server.app')", "sdk may import only"),
        ("sdk/run.py", "import kymograph", "sdk may import only"),
        ("fs/base.py", "from kymograph.sdk import run", "fs may import only"),
        ("compare/router.py", "from kymograph.sdk import run", "only what runs without a server of ours"),
        ("compare/remote.py", "from kymograph.storage.history import tail", "compare may import only"),
        ("server/app.py", "from kymograph.compare import remote", "not through the client"),
        ("server/app.py", "from kymograph.testing import clock", "nothing imports testing"),
        ("sweets/jar.py", "from kymograph.core import run", "'sweets' is no known layer"),
        ("integrations/torch.py", "from kymograph.sdk import run", "integrations may import only face"),
    ],
)
def test_a_wrong_arrow_is_named_with_its_place(tmp_path: Path, module: str, text: str, reason: str) -> None:
    package = synthetic_package(tmp_path, module, text)

    wrong = wrong_arrows(package)

    assert len(wrong) == 1
    assert wrong[0].startswith(f"kymograph/{module}:{len(text.splitlines())}: imports ")
    assert reason in wrong[0]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("core/run.py", "import json\nfrom kymograph.errors import UsageError\nfrom . import names\nimport orjson"),
        ("services/runs.py", "from kymograph.storage.metadata.base import Runs\nfrom kymograph.core import run"),
        ("server/deps.py", "from kymograph.storage.metadata.sql import SqlRuns"),
        ("server/app.py", "import fastapi\nfrom kymograph import __version__"),
        ("cli/server.py", "def serve():\n    from kymograph.storage.metadata import sql\n    import uvicorn"),
        ("bucket/api.py", "from kymograph.sdk.run import Run"),
        ("compare/remote.py", "from kymograph.sdk.run import Run"),
        ("server/app.py", "from kymograph.compare import router"),
        ("__init__.py", "from kymograph.sdk.run import Run"),
        ("testing/contracts.py", "from kymograph.storage.metadata.sql import SqlRuns"),
    ],
)
def test_arrows_of_the_table_are_accepted(tmp_path: Path, module: str, text: str) -> None:
    assert wrong_arrows(synthetic_package(tmp_path, module, text)) == []


def synthetic_package(folder: Path, module: str, text: str) -> Path:
    """Write a package with a few empty modules to import, and one with the given text."""
    package = folder / PACKAGE
    existing = ("core/names.py", "sdk/run.py", "wire/journal.py", "storage/history/tail.py", "testing/clock.py")
    comparer = ("compare/remote.py", "compare/router.py")
    for name in (*existing, *comparer, "storage/metadata/sql.py", "storage/metadata/base.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    (package / module).parent.mkdir(parents=True, exist_ok=True)
    (package / module).write_text(text, encoding="utf-8")
    return package
