"""Small real trainings with the integrations of other packages, unchanged, through our SDK: they import ``wandb``.

    python tests/integrations/run_all.py PYTHON [NAME]...

PYTHON is an interpreter with those packages that are to be tried; what is not installed there is said and passed over.
Outside ``make test``, for it needs some GB of packages. Each training runs offline; what its journals hold is printed,
and compared with what it must hold at least.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRAININGS = Path(__file__).with_name("trainings")
TIMEOUT_S = 600
sys.path.insert(0, str(ROOT / "src"))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a training must leave at least."""

    packages: tuple[str, ...]
    runs: int
    keys: Sequence[str]
    """Metrics, of all its runs together."""
    config: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    """Types of artifacts."""
    files: tuple[str, ...] = ()
    """Beginnings of the names of files."""


SKLEARN = (
    "roc_table precision_recall_table confusion_matrix feature_importances summary_metrics class_proportions "
    "calibration_curve learning_curve residuals outlier_candidates elbow_curve silhouette_plot"
)
EXPECTED = {
    "scikit_learn": Expected(
        ("sklearn",),
        1,
        SKLEARN.split(),
    ),
    "xgboost_booster": Expected(
        ("xgboost", "sklearn"),
        1,
        ("validation_0-rmse", "epoch", "Feature Importance_table"),
        ("learner",),
        ("model",),
    ),
    "lightgbm_booster": Expected(
        ("lightgbm", "sklearn"),
        1,
        ("test_auc", "test_binary_logloss", "iteration", "Feature Importance_table"),
        ("objective",),
        ("model",),
    ),
    "keras_fit": Expected(
        ("keras", "torch"),
        2,
        (
            *("batch/loss", "batch/learning_rate", "val_accuracy", "eval"),
            *("parameters/net/first/kernel", "gradients/net/first/kernel.gradient"),
        ),
        (),
        ("model", "dataset", "evaluation"),
    ),
    "lightning_fit": Expected(
        ("lightning", "torch"),
        1,
        ("train/loss", "trainer/global_step", "gradients/layer.weight", "parameters/layer.weight", "picture", "table"),
        ("rate",),
    ),
    "transformers_trainer": Expected(
        ("transformers", "accelerate", "torch"),
        1,
        ("train/loss", "train/global_step", "train/learning_rate"),
        ("hidden_size", "model/num_parameters"),
    ),
    "accelerate_tracker": Expected(("accelerate", "torch"), 1, ("loss", "picture", "table"), ("rate",)),
    "optuna_study": Expected(("optuna", "optuna_integration"), 3, ("x", "value"), ("direction",)),
    "stable_baselines": Expected(
        ("stable_baselines3", "gymnasium", "torch"),
        1,
        ("gradients/action_net.weight", "parameters/action_net.weight"),
        ("algo", "learning_rate"),
        files=("model.zip",),
    ),
}


def main(arguments: list[str]) -> int:
    """Run the trainings; the exit status is how many of them went wrong."""
    if not arguments:
        print(__doc__)
        return 2
    python, *names = arguments
    problems = 0
    for name in names or EXPECTED:
        missing = [package for package in EXPECTED[name].packages if not is_installed(python, package)]
        if missing:
            print(f"{name}: not tried, {', '.join(missing)} is not installed")
            continue
        found = run(python, name)
        print(f"{name}: {found or 'as it should be'}")
        problems += bool(found)
    return problems


def is_installed(python: str, package: str) -> bool:
    """Whether an interpreter has a package."""
    script = f"import importlib.util as u, sys; sys.exit(u.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", script], check=False).returncode == 0


def run(python: str, name: str) -> str:
    """Run one training; returns what is wrong with it, in words."""
    from kymograph.sdk.run_folder import RunFolder, iter_records

    expected = EXPECTED[name]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "WANDB_MODE": "offline",
            "WANDB_DIR": folder,
            "CUDA_VISIBLE_DEVICES": "",
        }
        process = subprocess.run(
            [python, "-m", "kymograph.as_wandb", str(TRAININGS / f"{name}.py")],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if process.returncode:
            return f"exit status {process.returncode}\n{process.stdout}\n{process.stderr}"
        keys: Counter[str] = Counter()
        config: set[str] = set()
        artifacts: Counter[str] = Counter()
        files: set[str] = set()
        ended = 0
        folders = sorted(Path(folder).glob("kymograph/offline-run-*"))
        for path in folders:
            for record in iter_records(RunFolder.find(path).journal):
                keys.update(item.key or ".".join(item.nested_key) for item in record.history.item)
                config.update(item.key or item.nested_key[0] for item in record.config.update)
                artifacts[record.artifact.type] += record.HasField("artifact")
                files.update(item.path for item in record.files.files)
                ended += record.HasField("exit") and record.exit.exit_code == 0
        print(f"  {len(folders)} runs, {len(keys)} metrics, {sum(keys.values())} values, {artifacts.total()} artifacts")
        wrong = []
        if (len(folders), ended) != (expected.runs, expected.runs):
            wrong.append(f"{len(folders)} runs of which {ended} ended well, instead of {expected.runs}")
        wrong += [f"no metric {key}" for key in expected.keys if not any(_fits(key, known) for known in keys)]
        wrong += [f"nothing in the config for {key}" for key in expected.config if key not in config]
        wrong += [f"no artifact of type {kind}" for kind in expected.artifacts if not artifacts[kind]]
        wrong += [f"no file {start}…" for start in expected.files if not any(it.startswith(start) for it in files)]
        return ", ".join(wrong) + (f"\n{process.stderr}" if wrong else "")


def _fits(key: str, known: str) -> bool:
    """Whether a metric is there: by itself, its table, or as mapping."""
    return known in (key, f"{key}_table") or known.startswith(f"{key}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
