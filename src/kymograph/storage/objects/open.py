"""From a URL in the settings to an object store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from obstore.store import LocalStore, MemoryStore, S3Store

from kymograph.errors import InvalidSetting
from kymograph.storage.objects.store import ObstoreObjects

_RULE = "use a folder, memory:// or s3://bucket/prefix?endpoint=…&region=…&virtual_hosted=true"


def open_objects(url: str) -> ObstoreObjects:
    """Open the object store that a URL names.

    Args:
        url: ``file:///folder`` or a plain path, created if missing; ``memory://``; or ``s3://bucket/prefix`` with the
            optional parameters ``endpoint``, ``region`` and ``virtual_hosted``. Credentials and whatever else is not in
            the URL come from the usual ``AWS_…`` variables of the environment.

    Raises:
        InvalidSetting: Not such a URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return ObstoreObjects(MemoryStore(), name="memory")
    if parts.scheme == "s3":
        return _open_s3(url)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise InvalidSetting("objects", url, rule="file:// takes an absolute path: file:///folder")
        return open_folder(Path(unquote(parts.path)))
    if "://" in url:
        raise InvalidSetting("objects", url, rule=_RULE)
    return open_folder(Path(url))


def open_folder(folder: Path) -> ObstoreObjects:
    """A local folder, created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return ObstoreObjects(LocalStore(folder.resolve(), automatic_cleanup=True), name=f"the folder {folder}")


def _open_s3(url: str) -> ObstoreObjects:
    parts = urlsplit(url)
    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint = settings.pop("endpoint", None)
    region = settings.pop("region", None)
    virtual_hosted = settings.pop("virtual_hosted", "false")
    if not parts.netloc or settings or virtual_hosted not in ("true", "false"):
        raise InvalidSetting("objects", url, rule=_RULE)
    config: dict[str, str] = {}
    if endpoint:
        config["endpoint"] = endpoint
    if region:
        config["region"] = region
    store = S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,  # type: ignore[arg-type]
        virtual_hosted_style_request=virtual_hosted == "true",
        client_options={"allow_http": True} if endpoint and endpoint.startswith("http://") else {},
    )
    return ObstoreObjects(store, name=f"the bucket {parts.netloc}")
