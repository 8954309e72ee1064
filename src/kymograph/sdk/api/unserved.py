"""What the protocol's own client offers and our server does not serve: calls that say so, and what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from kymograph.errors import UnsupportedOperation

_QUEUES = "start the program where it is to run, or give it to Slurm, Ray or Kubernetes"
_AUTOMATIONS = "watch runs with a script that reads them with this Api"
_JOBS = "read its artifact: api.artifact(name, type='job')"


class Unserved:
    """Raises `UnsupportedOperation`, with a hint, for each of them."""

    # ruff: noqa: D102 - the same for all

    def run_queue(self, entity: str, name: str) -> NoReturn:
        raise UnsupportedOperation(f"run queue {entity}/{name}", hint=_QUEUES)

    def queued_run(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("a run in a queue", hint=_QUEUES)

    def create_run_queue(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("making a run queue", hint=_QUEUES)

    def upsert_run_queue(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("making a run queue", hint=_QUEUES)

    def job(self, name: str | None, path: str | None = None) -> NoReturn:
        raise UnsupportedOperation(f"job {name}", hint=_JOBS)

    def list_jobs(self, entity: str, project: str) -> NoReturn:
        raise UnsupportedOperation("a list of jobs", hint=_JOBS)

    def automation(self, name: str, *, entity: str | None = None) -> NoReturn:
        raise UnsupportedOperation(f"automation {name}", hint=_AUTOMATIONS)

    def automations(self, entity: str | None = None, **named: Any) -> NoReturn:
        raise UnsupportedOperation("a list of automations", hint=_AUTOMATIONS)

    def create_automation(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("making an automation", hint=_AUTOMATIONS)

    def update_automation(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("changing an automation", hint=_AUTOMATIONS)

    def delete_automation(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("deleting an automation", hint=_AUTOMATIONS)

    def integrations(self, entity: str | None = None, **named: Any) -> NoReturn:
        raise UnsupportedOperation("a list of integrations", hint=_AUTOMATIONS)

    def webhook_integrations(self, entity: str | None = None, **named: Any) -> NoReturn:
        raise UnsupportedOperation("a list of integrations", hint=_AUTOMATIONS)

    def slack_integrations(self, **named: Any) -> NoReturn:
        raise UnsupportedOperation("a list of integrations", hint=_AUTOMATIONS)

    def create_custom_chart(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedOperation("a chart of its own kind", hint="log a figure: run.log({'chart': figure})")
