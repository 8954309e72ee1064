"""What the cells of a session did: their code and their output, as a notebook that is kept with a run.

Source: the vendor's client 0.31.0: the file ``code/_session_history.ipynb``, kept where code is saved.
"""

from __future__ import annotations

import json
import logging
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kymograph.sdk.capture.fanout import StreamName

SESSION_HISTORY_NAME = "code/_session_history.ipynb"
MAX_OUTPUT_CHARACTERS = 32_000_000
"""Of all cells of a session together, pictures as base64; what comes after that is left out."""

_log = logging.getLogger(__name__)


class CellRecorder:
    """Hooks on a shell: tells of the begin and end of cells, and keeps what they put out for the history.

    Belongs to a shell rather than to a run: the history has every cell of the session, whatever runs it began.

    Args:
        shell: The interactive shell.
        before_cell: Called before a cell runs.
        after_cell: Called after it.
    """

    def __init__(
        self,
        shell: Any,
        *,
        before_cell: Callable[[], None] = lambda: None,
        after_cell: Callable[[], None] = lambda: None,
    ) -> None:
        self._shell = shell
        self._before_cell, self._after_cell = before_cell, after_cell
        self._outputs: dict[int, list[dict[str, Any]]] = {}
        """By number of the cell's execution, in the form of notebooks."""
        self._room = MAX_OUTPUT_CHARACTERS
        self._publish: Callable[..., Any] | None = None
        self._installed: Callable[..., Any] | None = None
        self._has_failed = False

    def start(self) -> None:
        """Hook on; does nothing if it has."""
        if self._publish is not None:
            return
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        self._publish = self._shell.display_pub.publish
        self._installed = self._record
        self._shell.display_pub.publish = self._installed

    def stop(self) -> None:
        """Hook off; a hook that another tool has put on top of ours stays."""
        if self._publish is None:
            return
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
        if self._shell.display_pub.publish is self._installed:
            self._shell.display_pub.publish = self._publish
            self._publish = None

    def take_text(self, stream: StreamName, text: str) -> None:
        """What the cell that runs has printed."""
        outputs = self._outputs.setdefault(self._number(), [])
        if not self._takes(len(text)):
            return
        if outputs and outputs[-1].get("name") == stream:
            outputs[-1]["text"] += text
        else:
            outputs.append({"output_type": "stream", "name": stream, "text": text})

    def history(self) -> dict[str, Any] | None:
        """All cells of the session as a notebook (format 4.4); None if there were none but the one that asks."""
        manager = getattr(self._shell, "history_manager", None)
        if manager is None:
            return None
        rows = list(manager.get_range(output=True))
        if len(rows) <= 1:
            return None
        kernel = getattr(self._shell, "kernel", None)
        language = getattr(kernel, "language_info", None) or {"name": "python", "version": sys.version.split()[0]}
        name = f"python{sys.version_info[0]}"
        return {
            "cells": [self._cell(number, source, result) for _, number, (source, result) in rows],
            "metadata": {
                "kernelspec": {"display_name": f"Python {sys.version_info[0]}", "language": "python", "name": name},
                "language_info": language,
            },
            "nbformat": 4,
            "nbformat_minor": 4,
        }

    def save_history(self, files_folder: Path) -> str | None:
        """Write the history among the run's files; returns its name, or None if there is none.

        Raises:
            OSError: It cannot be written.
        """
        document = self.history()
        if document is None:
            return None
        file = files_folder / SESSION_HISTORY_NAME
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
        return SESSION_HISTORY_NAME

    def _cell(self, number: int, source: str, result: str | None) -> dict[str, Any]:
        outputs = [*self._outputs.get(number, [])]
        if result:
            outputs.append(
                {
                    "output_type": "execute_result",
                    "execution_count": number,
                    "data": {"text/plain": result},
                    "metadata": {},
                }
            )
        return {
            "cell_type": "code",
            "execution_count": number,
            "metadata": {},
            "outputs": outputs,
            "source": source,
        }

    def _number(self) -> int:
        """Of the cell that runs. `execution_count` is that or the next one's, depending on the version of IPython."""
        return len(self._shell.history_manager.input_hist_raw) - 1

    def _takes(self, size: int) -> bool:
        self._room -= size
        return self._room >= 0

    def _record(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, **options: Any) -> Any:
        assert self._publish is not None
        result = self._publish(data, metadata=metadata, **options)
        texts = {kind: b64encode(value).decode() if isinstance(value, bytes) else value for kind, value in data.items()}
        if self._takes(sum(len(value) for value in texts.values() if isinstance(value, str))):
            shown = {"output_type": "display_data", "data": texts, "metadata": dict(metadata or {})}
            self._outputs.setdefault(self._number(), []).append(shown)
        return result

    def _before(self, *arguments: object) -> None:
        self._guarded(self._before_cell)

    def _after(self, *arguments: object) -> None:
        self._guarded(self._after_cell)

    def _guarded(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        # The edge to the user's notebook: IPython would print our traceback below every cell.
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                _log.warning("a hook on notebook cells failed; the cells are not affected")
            _log.debug("why a hook on notebook cells failed", exc_info=True)
