"""Shapes of the REST API. Field names are those of docs/reference/rest.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ShortText = Annotated[str, StringConstraints(max_length=1000)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Model(BaseModel):
    """Strict base: unknown fields in requests are errors, so that typing mistakes show."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Model):
    """One malformed parameter."""

    where: str
    message: str


class ErrorInfo(Model):
    """What failed, and what to do."""

    kind: str
    message: str
    request_id: str
    details: list[ErrorDetail] | None = None


class ErrorBody(Model):
    """The one shape of errors."""

    error: ErrorInfo


class SignInRequest(Model):
    """Exactly one of the two."""

    api_key: ShortText | None = None
    token: ShortText | None = None


class UserModel(Model):
    """The signed-in user."""

    username: str
    name: str
    is_admin: bool
    default_entity: str
    entities: list[str]


class ServerModel(Model):
    """This server."""

    version: str
    public_url: str


class SessionModel(Model):
    """Who is signed in."""

    user: UserModel
    csrf_token: str | None = Field(description="null for callers with an API key, who need none")
    server: ServerModel


class NewKeyRequest(Model):
    """What a new key is for."""

    description: ShortText = ""


class NewKeyModel(Model):
    """A new key; the only answer that ever holds it."""

    id: str
    api_key: str


class KeyModel(Model):
    """A key, without its secret."""

    id: str
    description: str
    prefix: str
    created_at: str
    last_used_at: str | None


class KeyList(Model):
    """The caller's keys."""

    items: list[KeyModel]


class ProjectModel(Model):
    """One project with its counts."""

    entity: str
    name: str
    description: str
    visibility: Literal["private", "public"]
    created_at: str
    last_activity_at: str
    run_count: int
    running_count: int
    storage_bytes: int
    activity: list[int] = Field(description="runs created per day, oldest first, today last")


class ProjectPage(Model):
    """Some projects."""

    items: list[ProjectModel]
    next: str | None
    total: int


Role = Literal["restricted_viewer", "viewer", "member", "admin"]


class RegistryModel(Model):
    """One registry with its counts, as the caller sees it."""

    id: str
    organization: str
    name: str
    project: str = Field(description="the name in full, as clients write it in paths")
    description: str | None
    visibility: Literal["restricted", "private", "public"] = Field(description="private: people of the organization")
    created_at: str
    updated_at: str
    role: Role = Field(description="what the caller may do")
    collection_count: int
    version_count: int = Field(description="versions that are linked, each once per collection")
    member_count: int
    team_count: int


class RegistryList(Model):
    """Registries that the caller sees."""

    items: list[RegistryModel]


class RegistryDetail(RegistryModel):
    """One registry with its rules."""

    allows_all_types: bool
    types: list[str] = Field(description="types that are listed, and those in use")
    protected_aliases: list[str]


class RegistryChangeRequest(Model):
    """What to change; fields left out stay."""

    description: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    visibility: Literal["restricted", "private", "public"] | None = None
    allows_all_types: bool | None = None
    types: Annotated[list[ShortText], Field(max_length=1000, description="to be listed, too")] = []
    protected_aliases: Annotated[list[ShortText], Field(max_length=100)] | None = None


class LatestVersionModel(Model):
    """The newest version of a collection."""

    version: str
    aliases: list[str]
    linked_at: str
    size_bytes: int


class RegistryCollectionModel(Model):
    """One collection of a registry."""

    id: str
    name: str
    type: str
    description: str | None
    tags: list[str]
    created_at: str
    updated_at: str
    latest: LatestVersionModel | None


class RegistryCollectionPage(Model):
    """Some collections."""

    items: list[RegistryCollectionModel]
    next: str | None
    total: int


class RegistryPerson(Model):
    """Somebody with a role of their own."""

    username: str
    name: str
    role: Role


class RegistryTeamModel(Model):
    """A team all of whose people have a role."""

    name: str
    role: Role


class RegistryMemberList(Model):
    """Members of a registry."""

    users: list[RegistryPerson]
    teams: list[RegistryTeamModel]


class RunModel(Model):
    """One run as the list shows it."""

    id: str
    entity: str
    project: str
    name: str
    state: Literal["pending", "running", "stale", "finished", "failed", "crashed", "killed", "preempting", "preempted"]
    color: int = Field(ge=0, le=23, description="palette slot")
    notes: str
    tags: list[str]
    group: str | None
    job_type: str | None
    user: str | None
    host: str | None
    sweep: str | None
    created_at: str
    started_at: str | None
    heartbeat_at: str
    finished_at: str | None
    duration_s: float
    last_step: int | None
    exit_code: int | None
    stop_requested: bool


class RunRow(RunModel):
    """One run of a page, with the columns asked for."""

    values: dict[str, Any]


class RunPageModel(Model):
    """Some runs."""

    items: list[RunRow]
    next: str | None
    total: int


class GroupKeyModel(Model):
    """What the runs of a group have in common of one field."""

    field: str
    kind: Literal["number", "text", "long_text", "boolean", "other", "missing"]
    value: Any


class SpreadModel(Model):
    """A metric over the runs of a group: of finite numbers, and of booleans as 0 and 1."""

    count: int
    non_finite: int
    min: float | None
    max: float | None
    mean: float | None


class GroupModel(Model):
    """Runs with equal values of the fields asked for."""

    key: list[GroupKeyModel]
    filter: dict[str, Any] = Field(description="finds these runs among all of the project")
    count: int
    metrics: dict[str, SpreadModel]


class GroupPageModel(Model):
    """Some groups."""

    items: list[GroupModel]
    next: str | None
    total: int = Field(description="groups")
    runs: int = Field(description="runs that match `q`")


class ColumnModel(Model):
    """A config or summary column of a project."""

    name: str = Field(description="as in `columns`, `sort` and `by` of the list of runs")
    scope: Literal["config", "summary"]
    kinds: list[Literal["number", "text", "boolean", "other"]]


class ColumnPageModel(Model):
    """Some columns, by name."""

    items: list[ColumnModel]
    next: str | None
    total: int


class RunDetail(RunModel):
    """One run with all about it but history, console and files."""

    config: dict[str, Any]
    summary: dict[str, Any]
    metadata: dict[str, Any] | None
    history_lines: int
    console_lines: int
    file_count: int
    storage_bytes: int


class RunChangeRequest(Model):
    """What to change; fields left out stay."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    notes: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    tags: Annotated[list[Tag], Field(max_length=500)] | None = None
    color: Annotated[int, Field(ge=0, le=23)] | None = None
    group: ShortText | None = None


class MetricModel(Model):
    """One metric of one run or several."""

    name: str
    kind: str
    runs: int
    points: int
    non_finite: int
    last: Any = Field(description="exact last value; only for one run")
    x: str | None = Field(description="the metric that define_metric named as its step axis")
    hidden: bool


class MetricList(Model):
    """Some metrics, in order of first appearance."""

    items: list[MetricModel]
    next: str | None
    total: int = Field(description="all that match")


class SeriesRequest(Model):
    """Which series, over which axis, in how many buckets."""

    runs: Annotated[list[ShortText], Field(max_length=1000)]
    metrics: Annotated[list[Annotated[str, StringConstraints(max_length=10_000)]], Field(max_length=1000)]
    stream: Literal["history", "system"] = "history"
    x: Annotated[str, StringConstraints(pattern=r"^(step|time|relative|metric:[\s\S]+)$", max_length=10_000)] = "step"
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)
    width: int = Field(default=1000, ge=1, le=5000)
    precision: Literal["double", "single"] = Field(
        default="double",
        description="single: mean, min and max of buckets to about 7 digits where a chart shows no difference",
    )


class DamagedModel(Model):
    """A range of steps of a series that could not be read; everything else of it is there."""

    object: str = Field(description="the stored object that is damaged")
    first_step: int
    last_step: int
    problem: str


class SeriesModel(Model):
    """One metric of one run in columns; see docs/reference/rest.md."""

    run: str
    metric: str
    points: int
    exact: bool
    x: int = Field(description="index into xs")
    mean: list[float | None]
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    count: list[int] | None = None
    nan: list[list[float]]
    pos_inf: list[list[float]]
    neg_inf: list[list[float]]
    last: Any
    damaged: list[DamagedModel] | None = Field(default=None, description="absent when all could be read")


class SeriesAnswer(Model):
    """Columns, not rows."""

    x: str
    range: list[float] | None
    width: int
    truncated: bool = Field(description="not all of what was asked for is there")
    xs: list[list[float]]
    series: list[SeriesModel]


class RowPageModel(Model):
    """Some history rows."""

    items: list[dict[str, Any]]
    next: str | None
    total: int


class ConsoleLineModel(Model):
    """One console line."""

    number: int
    timestamp: str | None
    level: Literal["info", "error"]
    label: str | None
    text: str


class ConsoleAnswer(Model):
    """Some console lines."""

    total: int
    first: int | None
    items: list[ConsoleLineModel]


class FileModel(Model):
    """One file of a run."""

    name: str
    size_bytes: int
    mimetype: str
    md5: str | None
    updated_at: str


class FilePageModel(Model):
    """Some files."""

    items: list[FileModel]
    next: str | None
    total: int


class FolderPageModel(Model):
    """Some folders of a run."""

    items: list[str]
    next: str | None


class FileSourceModel(Model):
    """A file that is copied or moved."""

    entity: str = Field(max_length=1000)
    project: str = Field(max_length=1000)
    run: str = Field(max_length=1000)
    path: str = Field(max_length=2000)


class FileCopyModel(Model):
    """Where a file is to be."""

    source: FileSourceModel
    path: str = Field(max_length=2000)


class FileCopiesRequest(Model):
    """Files that are to be in a run: all of them, or none."""

    items: list[FileCopyModel] = Field(max_length=10_000)
    move: bool = False
    replace: bool = True


class FileListModel(Model):
    """Files of a run."""

    items: list[FileModel]


class SqlRequest(Model):
    """A statement that reads."""

    query: Annotated[str, Field(max_length=65_536)]
    limit: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    format: Literal["json", "csv"] = "json"


class SqlColumn(Model):
    """A column of an answer."""

    name: str
    type: str
    values: list[Any]


class DamageModel(Model):
    """Rows of history that cannot be read: the answer is without them."""

    object: str
    first_step: int
    last_step: int
    problem: str


class SqlAnswerModel(Model):
    """Columns of one length."""

    columns: list[SqlColumn]
    row_count: int
    truncated: bool
    damaged: list[DamageModel]
    elapsed_s: float


class PutUserRequest(Model):
    """A user to create, or to give a key to."""

    username: ShortText
    email: ShortText | None = None
    is_admin: bool = False
    api_key: ShortText | None = None


class NewOrganizationRequest(Model):
    """An organization and its first administrator."""

    name: ShortText
    owner: ShortText


class NewTeamRequest(Model):
    """A team, its first administrator, and the organization that it belongs to."""

    name: ShortText
    owner: ShortText | None = None
    organization: ShortText | None = None


class MemberRequest(Model):
    """A member and a role."""

    username: ShortText
    role: Literal["viewer", "member", "admin"] = "member"


class EntityModel(Model):
    """A user, team or organization by name."""

    name: str
    kind: Literal["user", "team", "organization"]
