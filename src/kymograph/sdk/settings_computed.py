"""What follows from settings: addresses of pages, folders and files of a run, what kind of run it is."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

from kymograph.client.settings_files import OWN_FOLDER
from kymograph.sdk.settings_fields import SettingsFields


class ComputedSettings(SettingsFields):
    """Settings, with what follows from them. The names are those of the protocol's own client where it has some."""

    # --- kind of run ---

    @property
    def is_offline(self) -> bool:
        """Whether nothing is sent now."""
        return self.mode in ("offline", "dryrun")

    @property
    def is_disabled(self) -> bool:
        """Whether nothing is kept at all."""
        return self.mode in ("disabled", "noop")

    @property
    def is_shared(self) -> bool:
        """Whether several processes write the run."""
        return self.mode == "shared"

    _offline, _noop, _shared = is_offline, is_disabled, is_shared

    @property
    def run_mode(self) -> str:
        """How names of run folders begin."""
        return "offline-run" if self.is_offline else "run"

    @property
    def deployment(self) -> str:
        """Always of one's own: there is no other."""
        return "local"

    @property
    def is_local(self) -> bool:
        """Whether the server is one's own."""
        return True

    # --- pages ---

    @property
    def app_url(self) -> str:
        """Where the server's pages are."""
        return (self.app_url_override or self.base_url).rstrip("/")

    @property
    def project_url(self) -> str:
        """Page of the project; empty while it is not known."""
        if not self.entity or not self.project:
            return ""
        return f"{self.app_url}/{quote(self.entity)}/{quote(self.project)}"

    @property
    def run_url(self) -> str:
        """Page of the run; empty while it is not known."""
        if not self.project_url or not self.run_id:
            return ""
        return f"{self.project_url}/runs/{quote(self.run_id, safe='=+&$@')}"

    @property
    def sweep_url(self) -> str:
        """Page of the sweep; empty if there is none."""
        if not self.project_url or not self.sweep_id:
            return ""
        return f"{self.project_url}/sweeps/{quote(self.sweep_id)}"

    @property
    def colab_url(self) -> str | None:
        """Address of the notebook on Colab."""
        path = self.x_jupyter_path
        if not self._colab or path is None or not path.startswith("fileId="):
            return None
        return f"https://colab.research.google.com/notebook#{unquote(path)}"

    # --- folders and files ---

    @property
    def wandb_dir(self) -> str:
        """The folder of all runs. The name is that of the setting everywhere; the folder is ours."""
        hidden = Path(self.root_dir, f".{OWN_FOLDER}")
        is_hidden = hidden.exists() if self.use_dot_wandb is None else self.use_dot_wandb
        return str((hidden if is_hidden else Path(self.root_dir, OWN_FOLDER)).expanduser())

    @property
    def timespec(self) -> str:
        """When the run began, for names; empty while it did not."""
        if self.x_start_time is None:
            return ""
        return datetime.fromtimestamp(self.x_start_time).strftime("%Y%m%d_%H%M%S")

    _start_datetime = timespec

    @property
    def sync_dir(self) -> str:
        """The folder of the run."""
        suffix = f"-{self.x_sync_dir_suffix}" if self.x_sync_dir_suffix else ""
        return os.path.join(self.wandb_dir, f"{self.run_mode}-{self.timespec}-{self.run_id}{suffix}")

    @property
    def sync_file(self) -> str:
        """The journal of the run."""
        return os.path.join(self.sync_dir, f"run-{self.run_id}.wandb")

    @property
    def files_dir(self) -> str:
        """Files that belong to the run."""
        return os.path.join(self.sync_dir, "files")

    @property
    def log_dir(self) -> str:
        """Logs about the run, which are not sent."""
        return os.path.join(self.sync_dir, "logs")

    @property
    def log_user(self) -> str:
        """What this process notes."""
        return os.path.join(self.log_dir, "debug.log")

    @property
    def log_internal(self) -> str:
        """What the sender notes."""
        return os.path.join(self.log_dir, "debug-internal.log")

    @property
    def tmp_dir(self) -> str:
        """Files on their way."""
        return os.path.join(self.sync_dir, "tmp")

    @property
    def sync_symlink_latest(self) -> str:
        """Leads to the latest run."""
        return os.path.join(self.wandb_dir, "latest-run")

    @property
    def log_symlink_user(self) -> str:
        """Leads to the latest run's log."""
        return os.path.join(self.wandb_dir, "debug.log")

    @property
    def log_symlink_internal(self) -> str:
        """Leads to the log of the latest run's sender."""
        return os.path.join(self.wandb_dir, "debug-internal.log")

    @property
    def resume_fname(self) -> str:
        """Keeps the id of a run that is to be resumed."""
        return os.path.join(self.wandb_dir, "wandb-resume.json")

    @property
    def settings_workspace(self) -> str:
        """The settings file of this folder."""
        return os.path.join(self.wandb_dir, "settings")

    @property
    def _tmp_code_dir(self) -> str:
        return os.path.join(self.tmp_dir, "code")

    # --- this process ---

    @property
    def _python_kind(self) -> str:
        if "IPython" not in sys.modules:
            return "python"
        from kymograph.sdk.capture.notebook import python_kind

        return python_kind()

    @property
    def _ipython(self) -> bool:
        return self._python_kind != "python"

    @property
    def _jupyter(self) -> bool:
        return self._python_kind == "jupyter" if self.jupyter is None else self.jupyter

    @property
    def _colab(self) -> bool:
        from kymograph.sdk.capture.notebook import is_colab

        return is_colab()

    @property
    def _kaggle(self) -> bool:
        from kymograph.sdk.capture.notebook import is_kaggle

        return is_kaggle()

    @property
    def _notebook(self) -> bool:
        return self._ipython or self._jupyter or self._colab or self._kaggle

    @property
    def _aws_lambda(self) -> bool:
        return "AWS_LAMBDA_FUNCTION_NAME" in os.environ

    @property
    def _windows(self) -> bool:
        return sys.platform == "win32"

    @property
    def _os(self) -> str:
        return platform.platform(aliased=True)

    @property
    def _platform(self) -> str:
        return f"{platform.system()}-{platform.machine()}".lower()

    @property
    def _python(self) -> str:
        return f"{platform.python_implementation()} {platform.python_version()}"

    @property
    def _code_path_local(self) -> str | None:
        """The program, as seen from here; None if it is elsewhere, or none that is a file."""
        path = Path(self.program or "").absolute()
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_file() and path.is_relative_to(here) else None

    @property
    def _args(self) -> list[str]:
        if self.args is not None:
            return list(self.args)
        return [] if self._jupyter else sys.argv[1:]
