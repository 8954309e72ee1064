"""`Api` and `AsyncApi`: reading back what a server holds, and changing it."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, Self
from urllib.parse import unquote

from kymograph.client import public_documents as documents
from kymograph.client import public_reads
from kymograph.client.artifact_values import Page as PageOf
from kymograph.client.artifact_values import as_object
from kymograph.client.carriers import AsyncCarrier, Carrier
from kymograph.client.operations import Operation, ask
from kymograph.client.public_reads import OLDEST_FIRST
from kymograph.client.runs import RunAddress, RunClient
from kymograph.core.names import parse_project_name
from kymograph.core.run_ids import new_run_id
from kymograph.errors import UsageError
from kymograph.sdk.api import paths
from kymograph.sdk.api.artifact_search import ArtifactSearch
from kymograph.sdk.api.attributes import Described
from kymograph.sdk.api.connecting import api_settings, connection_for
from kymograph.sdk.api.either import Async, M, Sync, either
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.paths import DEFAULT_PROJECT
from kymograph.sdk.api.projects import Project, Projects
from kymograph.sdk.api.registry_search import RegistrySearch
from kymograph.sdk.api.run import Run, check_state
from kymograph.sdk.api.runs import PER_PAGE, Runs
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.api.sweeps import Sweep, Sweeps, read_sweep
from kymograph.sdk.api.unserved import Unserved
from kymograph.sdk.api.users import People, User

PROJECTS_PER_PAGE = 200


class Report(Described[M]):
    """A report of a project, as far as it is read: its names, its author, and its document."""

    display_name: str
    description: str | None
    spec: str


class ApiOf(People[M], ArtifactSearch[M], RegistrySearch[M], Unserved, Generic[M]):
    """What both kinds of `Api` offer. Objects that were read are kept until `flush`, and given again."""

    def __init__(self, session: ApiSession[M], *, api_key: str | None = None) -> None:
        """Ask by way of a session."""
        super().__init__(session)
        self.api_key = api_key
        self._viewer: User[M] | None = None
        self._kept: dict[tuple[str, ...], Any] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """What this asks by default: server, entity, project and organization."""
        names = ("entity", "project", "organization")
        return {"base_url": self._session.base_url} | {name: self._session.settings[name] for name in names}

    def flush(self) -> None:
        """Forget what was read: everything is read anew when it is asked for."""
        self._kept.clear()
        self._viewer = self._entity = None

    # --- who asks ----------------------------------------------------------------------------------------------------

    @property
    def default_entity(self) -> str | None:
        """Where runs go for which no entity is named."""
        return self._session.now(self._default_entity(), instead="await api.find_default_entity()")

    @either
    def find_default_entity(self) -> Operation[str | None]:
        """Where runs go for which no entity is named."""
        return (yield from self._default_entity())

    @property
    def viewer(self) -> User[M]:
        """Whom the API key belongs to."""
        return self._session.now(self._read_viewer(), instead="await api.find_viewer()")

    @either
    def find_viewer(self) -> Operation[User[M]]:
        """Whom the API key belongs to.

        Raises:
            Unauthenticated: Nobody.
        """
        return (yield from self._read_viewer())

    def _read_viewer(self) -> Operation[User[M]]:
        if self._viewer is None:
            node = yield from self._session.reads.viewer()
            self._viewer = User(self._session, node, api_key=self.api_key)
        return self._viewer

    # --- runs --------------------------------------------------------------------------------------------------------

    @either
    def run(self, path: str = "") -> Operation[Run[M]]:
        """A run, with config and summary.

        Args:
            path: ``entity/project/id``, ``project/id``, ``id``, or the address of its page.

        Raises:
            UsageError: The path names no run.
            RunNotFound: There is none.
        """
        return (yield from self._run(path))

    def _run(self, path: str) -> Operation[Run[M]]:
        at = yield from self._address(path)
        key = ("run", at.entity, at.project, at.run_id)
        if key not in self._kept:
            self._kept[key] = Run(self._session, at, (yield from self._session.reads.run(at)))
        found: Run[M] = self._kept[key]
        return found

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = OLDEST_FIRST,
        per_page: int = PER_PAGE,
        include_sweeps: bool = False,
        lazy: bool = True,
    ) -> Runs[M]:
        """Runs of a project.

        Args:
            path: ``entity/project`` or ``project``; by default that of the settings.
            filters: In the protocol's form: ``{"config.lr": {"$gt": 0.1}, "state": "finished"}``.
            order: A key with ``+`` or ``-`` before it: ``created_at``, ``heartbeat_at``, ``config.<key>.value``,
                ``summary_metrics.<key>``.
            per_page: Runs of the first request.
            include_sweeps: Whether the sweeps of the runs are read, too.
            lazy: Whether config and summary are read when they are looked at.
        """
        key = ("runs", path or "", repr(filters or {}), order)
        found: Runs[M] | None = self._kept.get(key)
        if found is None:
            entity, project = self._place_now(path)
            found = self._kept[key] = Runs(
                self._session,
                entity,
                project,
                filters=filters,
                order=order,
                per_page=per_page,
                include_sweeps=include_sweeps,
                lazy=lazy,
            )
        elif not lazy and found._is_light:
            self._session.now(Runs.upgrade_to_full.operation(found), instead="await runs.upgrade_to_full()")
        return found

    @either
    def create_run(
        self,
        *,
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
        state: str = "running",
    ) -> Operation[Run[M]]:
        """Make a run without a process behind it: ``running``, or ``pending`` for one that will be resumed."""
        owner = entity or (yield from self._own_entity())
        name = project or self._session.settings.project or DEFAULT_PROJECT
        node = yield from public_reads.create_run(owner, name, run_id or new_run_id(), check_state(state))
        of = as_object(node.get("project"))
        at = RunAddress(str(as_object(of.get("entity")).get("name") or owner), str(of.get("name") or name), "")
        at = RunAddress(at.entity, at.project, str(node.get("name")))
        return Run(self._session, at, (yield from self._session.reads.run(at)))

    # --- projects ----------------------------------------------------------------------------------------------------

    def projects(self, entity: str | None = None, per_page: int = PROJECTS_PER_PAGE) -> Projects[M]:
        """Projects of an entity, by default of one's own."""
        owner = self._owner_now(entity)
        key = ("projects", owner)
        if key not in self._kept:
            self._kept[key] = Projects(self._session, owner, per_page=per_page)
        found: Projects[M] = self._kept[key]
        return found

    def project(self, name: str, entity: str | None = None) -> Project[M]:
        """A project; it is read when it is looked at."""
        return Project(self._session, self._owner_now(entity), name)

    @either
    def create_project(self, name: str, entity: str | None = None) -> Operation[Project[M]]:
        """Make a project, or give the one that is there.

        Raises:
            InvalidName: No project can have that name.
        """
        owner = entity or (yield from self._own_entity())
        answer = yield from ask(documents.CREATE_PROJECT, {"name": parse_project_name(name), "entity": owner})
        made = as_object(as_object(answer.get("upsertModel")).get("project"))
        return Project(self._session, str(made.get("entityName") or owner), name)

    # --- sweeps, reports -------------------------------------------------------------------------------------

    @either
    def sweep(self, path: str = "") -> Operation[Sweep[M]]:
        """A sweep.

        Args:
            path: ``entity/project/id``, ``project/id``, ``id``, or the address of its page.

        Raises:
            SweepNotFound: There is none.
        """
        return (yield from read_sweep(self._session, (yield from self._address(path))))

    def sweeps(
        self, path: str | None = None, filters: Mapping[str, Any] | None = None, per_page: int = PER_PAGE
    ) -> Sweeps[M]:
        """Sweeps of a project."""
        entity, project = self._place_now(path)
        return Sweeps(self._session, entity, project, filters=filters, per_page=per_page)

    def reports(self, path: str = "", name: str | None = None, per_page: int = PER_PAGE) -> Listing[M, Report[M]]:
        """Reports of a project, or those of a name."""
        session = self._session
        entity, project = self._place_now(path or None)
        view = unquote(name) if name else None

        def read(cursor: str | None) -> Operation[PageOf[Report[M]]]:
            page = yield from public_reads.reports(entity, project, view=view, cursor=cursor, per_page=per_page)
            return PageOf([Report(session, node) for node in page.items], page.cursor)

        return Listing(session, read)

    @either
    def from_path(self, path: str) -> Operation[Project[M] | Run[M] | Sweep[M]]:
        """What a path names: ``project``, ``entity/project``, ``entity/project/id``, ``entity/project/sweeps/id``.

        Raises:
            UsageError: It names nothing that can be read.
        """
        parts = paths.split(path)
        if len(parts) in (1, 2):
            entity, project = yield from self._place(path)
            return Project(self._session, entity, project)
        if len(parts) == 3 or (len(parts) == 4 and parts[2] == "runs"):
            return (yield from self._run(path))
        if len(parts) == 4 and parts[2] == "sweeps":
            return (yield from read_sweep(self._session, (yield from self._address(path))))
        raise UsageError("Invalid path, should be ENTITY/PROJECT/TYPE/ID where TYPE is runs or sweeps")


class Api(ApiOf[Sync]):
    """Reads back runs, files and artifacts, for code that waits. Safe to share between threads.

    ::

        api = kymograph.Api()
        for run in api.runs("team/project", filters={"state": "finished"}):
            print(run.name, run.config["lr"], run.summary["loss"])
    """

    def __init__(
        self,
        overrides: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
        *,
        offline: bool = False,
    ) -> None:
        """Connect; nothing is asked yet.

        Args:
            overrides: Settings in place of those that hold: ``base_url``, ``entity``, ``project``.
            timeout: How long the server may say nothing, in s.
            api_key: In place of the one that is set.
            offline: Read the folders of runs of this machine in place of a server.

        Raises:
            Unauthenticated: There is no API key, and nobody to ask.
            UnknownSetting: `overrides` has one that there is not.
        """
        settings = api_settings(overrides, timeout=timeout)
        if offline:
            from kymograph.sdk.api.offline import offline_session

            super().__init__(offline_session(settings))
            return
        connection = connection_for(settings, api_key)
        self._client = RunClient(connection, wait=time.sleep)
        session = ApiSession[Sync](
            Carrier(self._client), settings, base_url=connection.base_url, app_url=str(settings.app_url)
        )
        # What was read may outlive the Api; connections go with the last of it.
        weakref.finalize(session, _close, self._client, os.getpid())
        super().__init__(session, api_key=connection.credential.api_key)

    def close(self) -> None:
        """Release connections."""
        client = self.__dict__.get("_client")
        if client is not None:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _close(client: RunClient, process: int) -> None:
    if os.getpid() == process:  # a forked process has no use for its parent's connections, and must leave them alone
        client.close()


class AsyncApi(ApiOf[Async]):
    """The same for code that awaits, in one event loop; `aclose` it when done, or use it as a context.

    ::

        async with kymograph.AsyncApi() as api:
            run = await api.run("team/project/id")
            async for row in run.scan_history():
                print(row)
    """

    def __init__(
        self,
        overrides: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
    ) -> None:
        """Connect; nothing is asked yet. Arguments and errors are those of `Api`."""
        from kymograph.client.async_transport import AsyncTransport

        settings = api_settings(overrides, timeout=timeout)
        connection = connection_for(settings, api_key)
        self._transport = AsyncTransport(connection)
        session = ApiSession[Async](
            AsyncCarrier(self._transport), settings, base_url=connection.base_url, app_url=str(settings.app_url)
        )
        super().__init__(session, api_key=connection.credential.api_key)

    async def aclose(self) -> None:
        """Release connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()
