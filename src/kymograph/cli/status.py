"""What ``kymograph status`` shows."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.credentials import find_credential
from kymograph.errors import Unauthenticated
from kymograph.sdk.settings import SOURCE_NAMES, Explanations, Settings
from kymograph.sdk.settings_fields import SECRETS
from kymograph.sdk.settings_sources import load_settings


@dataclass(frozen=True, slots=True)
class Status:
    """How runs of this folder behave."""

    settings: Settings
    credential: str
    """Where the key comes from, or why there is none."""
    is_signed_in: bool
    listed: Explanations | None
    is_brief: bool
    """Only the settings were asked for."""

    def as_text(self) -> str:
        """For people."""
        table = "" if self.listed is None or not self.listed else str(self.listed)
        if self.is_brief:
            return table
        found = self.settings
        target = f"{found.entity or '(your own)'}/{found.project or 'uncategorized'}"
        lines = [
            f"server      {found.base_url}",
            f"key         {self.credential}",
            f"mode        {found.mode}",
            f"project     {target}",
            f"runs        {found.wandb_dir}",
        ]
        return "\n".join([*lines, "", table] if table else lines)

    def as_json(self) -> str:
        """For programs."""
        found = self.settings
        document: dict[str, object] = {
            "base_url": found.base_url,
            "signed_in": self.is_signed_in,
            "credential": self.credential,
            "mode": found.mode,
            "entity": found.entity,
            "project": found.project,
            "folder": found.wandb_dir,
        }
        if self.listed is not None:
            document["settings"] = {
                item.name: {
                    "value": None if item.name in SECRETS else item.value,
                    "from": SOURCE_NAMES[item.origin.source],
                    "detail": item.origin.detail,
                    "replaced": [
                        {
                            "value": None if item.name in SECRETS else old.value,
                            "from": SOURCE_NAMES[old.source],
                            "detail": old.detail,
                        }
                        for old in item.replaced
                    ],
                }
                for item in self.listed
            }
        return json.dumps(document, indent=2, default=str)


def collect(explain: str | None, *, with_settings: bool, everything: bool) -> Status:
    """How runs of this folder behave.

    Args:
        explain: Only this setting.
        with_settings: Whether settings are listed.
        everything: Those with their default as well.

    Raises:
        UnknownSetting: There is none of that name.
    """
    settings = load_settings()
    try:
        filed = {"api_key": (settings.api_key, "a settings file")} if settings.api_key else {}
        credential = find_credential(settings.base_url, environment=os.environ, home=Path.home(), filed=filed)
        said = "none; `kymograph login` gets one" if credential is None else f"from {credential.source}"
    except Unauthenticated as exc:
        credential, said = None, f"none that can be used: {exc}"
    listed = None
    if explain is not None:
        listed = settings.explain(explain)
    elif with_settings or everything:
        listed = settings.explain(everything=everything)
    return Status(settings, said, credential is not None, listed, is_brief=explain is not None)
