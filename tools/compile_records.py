"""Compile ``records.proto`` and ``events.proto`` (``make proto``).

protoc's output insists on a runtime library at least as new as the compiler; frameworks in the same environment often
hold that library back. Nothing in the output needs the newer one, so the demand is left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path("src")
FOLDER = ROOT / "kymograph" / "wire"
SOURCES = (FOLDER / "records.proto", FOLDER / "events.proto")
_VERSION_CHECK = re.compile(
    r"^from google\.protobuf import runtime_version as .*\n|^_runtime_version\.[\s\S]*?^\)\n", re.MULTILINE
)


def compile_records() -> dict[str, str]:
    """Texts of the modules that are made from the sources, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--python_out={folder}", f"--pyi_out={folder}"]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", *outputs, *map(str, SOURCES)]
        subprocess.run(command, check=True)
        return {path.name: _VERSION_CHECK.sub("", path.read_text()) for path in Path(folder).rglob("*.py*")}


def main() -> None:
    """Write the modules beside their sources."""
    for name, text in compile_records().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
