"""Settings of a server, as one frozen value: flags first, then ``KYMOGRAPH_*`` variables, then defaults."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path

from kymograph.errors import InvalidSetting

ENVIRONMENT_PREFIX = "KYMOGRAPH_"
MIN_SQL_TIMEOUT_S = 0.1
MAX_SQL_TIMEOUT_S = 600.0
"""A query holds a snapshot of the database, which grows until it is given back."""
MAX_WAIT_S = 100 * 366 * 86_400.0
"""A time to wait that dates can be reckoned with."""
MIN_SQL_MEMORY_BYTES = 64 * 1024 * 1024
"""With less, DuckDB cannot do anything useful."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs."""

    host: str
    port: int
    data: Path
    """Folder of the embedded database and objects, and of the lock."""
    database: str
    """SQLAlchemy URL."""
    objects: str
    """URL of the object store."""
    public_url: str
    """What clients reach this server by, without a trailing slash; every URL handed out begins with it."""
    admin_api_key: str | None = None
    admin_username: str = "admin"
    cache_bytes: int = 256 * 1024 * 1024
    """Bound of decoded history in memory."""
    segment_cache_bytes: int = 4 * 1024**3
    """Bound of copies of history in the data folder, where the object store is a bucket."""
    sql_timeout_s: float = 30.0
    """How long one SQL query may take."""
    sql_memory_bytes: int = 512 * 1024 * 1024
    """How much memory one SQL query may take."""
    compact_bytes: int = 12 * 1024 * 1024
    """A stream with this many unpacked bytes in the database gets a segment."""
    compact_quiet_bytes: int = 128 * 1024
    """The same for a stream that nothing came for in `compact_quiet_s`."""
    compact_quiet_s: float = 30.0
    compact_batch_bytes: int = 48 * 1024 * 1024
    """Unpacked bytes that go into one new segment, about."""
    compact_fan_in: int = 8
    """Segments that are merged into one."""
    compact_claim_s: float = 300.0
    """How long a stream waits for a compactor that was killed, where several servers share a database."""
    gc_grace_s: float = 3600.0
    """What was deleted or replaced, or is named by no row, goes after this time."""
    undelete_s: float = 7 * 86_400.0
    """How long deleted artifact versions can come back."""
    draft_s: float = 7 * 86_400.0
    """An artifact draft that nobody has touched for this long goes."""
    parquet_history: str = "exact"
    """Which ended runs the protocol's client gets as Parquet files: ``exact``, those whose rows it reads as it would
    page by page; or ``all``."""
    storage_regions: tuple[str, ...] = ()
    """Names of storage regions, beside ``default``, that artifacts may ask for; all of them are `objects`."""
    json_logs: bool = True

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file in `data`, which then belongs to this process alone."""
        return self.database.startswith("sqlite")


def load_settings(
    environment: Mapping[str, str],
    *,
    host: str | None = None,
    port: int | None = None,
    data: str | None = None,
    database: str | None = None,
    objects: str | None = None,
    public_url: str | None = None,
) -> Settings:
    """Put the settings together.

    Args:
        environment: The process environment.
        host: Address to listen on (default 127.0.0.1).
        port: Port to listen on (default 8080).
        data: Data folder (default: the user's data directory).
        database: Database URL (default: SQLite in the data folder).
        objects: Object store URL (default: a folder in the data folder).
        public_url: What clients use (default: made of host and port).

    Raises:
        InvalidSetting: The setting, its value and the rule.
    """

    def given(name: str, flag: str | None, default: str) -> str:
        return flag or environment.get(f"{ENVIRONMENT_PREFIX}{name}") or default

    def whole(name: str, default: int, *, least: int = 0) -> int:
        text = given(name, None, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise InvalidSetting(name.lower(), text, rule=f"a whole number, at least {least}")
        return int(text)

    def seconds(name: str, default: float, *, least: float = 0.0, most: float = sys.float_info.max) -> float:
        text = given(name, None, str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            bounds = f", from {least:g} to {most:g}" if most < sys.float_info.max else ""
            raise InvalidSetting(name.lower(), text, rule=f"a number of seconds{bounds}")
        return value

    bind_host = given("HOST", host, "127.0.0.1")
    bind_port = _parse_port(given("PORT", str(port) if port is not None else None, "8080"))
    folder = Path(given("DATA", data, str(user_data_path("kymograph", appauthor=False)))).expanduser().absolute()
    reachable_host = "localhost" if bind_host in ("0.0.0.0", "::", "") else bind_host
    shown_host = f"[{reachable_host}]" if ":" in reachable_host else reachable_host
    return Settings(
        host=bind_host,
        port=bind_port,
        data=folder,
        database=given("DATABASE", database, f"sqlite:///{folder / 'kymograph.db'}"),
        objects=given("OBJECTS", objects, (folder / "objects").as_uri()),
        public_url=_parse_public_url(given("PUBLIC_URL", public_url, f"http://{shown_host}:{bind_port}")),
        admin_api_key=environment.get(f"{ENVIRONMENT_PREFIX}ADMIN_API_KEY") or None,
        admin_username=environment.get(f"{ENVIRONMENT_PREFIX}ADMIN_USERNAME") or "admin",
        cache_bytes=whole("CACHE_BYTES", 256 * 1024 * 1024),
        segment_cache_bytes=whole("SEGMENT_CACHE_BYTES", 4 * 1024**3),
        compact_bytes=whole("COMPACT_BYTES", 12 * 1024 * 1024, least=1),
        compact_quiet_bytes=whole("COMPACT_QUIET_BYTES", 128 * 1024, least=1),
        compact_quiet_s=seconds("COMPACT_QUIET_S", 30.0),
        compact_batch_bytes=whole("COMPACT_BATCH_BYTES", 48 * 1024 * 1024, least=1),
        compact_fan_in=whole("COMPACT_FAN_IN", 8, least=2),
        compact_claim_s=seconds("COMPACT_CLAIM_S", 300.0),
        gc_grace_s=seconds("GC_GRACE_S", 3600.0),
        undelete_s=seconds("UNDELETE_S", 7 * 86_400.0, most=MAX_WAIT_S),
        # Addresses for uploads are good for a day.
        draft_s=seconds("DRAFT_S", 7 * 86_400.0, least=86_400.0, most=MAX_WAIT_S),
        sql_timeout_s=seconds("SQL_TIMEOUT_S", 30.0, least=MIN_SQL_TIMEOUT_S, most=MAX_SQL_TIMEOUT_S),
        sql_memory_bytes=max(MIN_SQL_MEMORY_BYTES, whole("SQL_MEMORY_BYTES", 512 * 1024 * 1024)),
        parquet_history=_parse_parquet_history(given("PARQUET_HISTORY", None, "exact")),
        storage_regions=tuple(filter(None, (name.strip() for name in given("STORAGE_REGIONS", None, "").split(",")))),
        json_logs=given("LOG_FORMAT", None, "json") != "text",
    )


def _parse_port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:
        raise InvalidSetting("port", text, rule="a number from 0 to 65535; 0 takes any free port")
    return int(text)


def _parse_parquet_history(text: str) -> str:
    if text not in ("exact", "all"):
        raise InvalidSetting("parquet_history", text, rule="exact or all")
    return text


def _parse_public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise InvalidSetting("public_url", text, rule="an http or https address without query, like https://host:8080")
    return text.rstrip("/")
