"""What a training has loaded by logging: nothing that it does not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys
import kymograph as wandb
quiet = wandb.Settings(console="off", silent=True)
with wandb.init(project="p", mode="offline", dir=sys.argv[1], settings=quiet) as run:
    run.log({"loss": 1.0})
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
COSTLY = {"httpx", "matplotlib", "numpy", "obstore", "pandas", "PIL", "psutil", "pyarrow", "rich", "torch"}


def test_logging_numbers_loads_no_costly_package(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(ended.stdout.strip().splitlines()[-1]))

    assert "kymograph" in loaded
    assert loaded & COSTLY == set()
