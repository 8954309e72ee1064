"""Settings: flags before variables before defaults, and one clear error for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.errors import InvalidSetting
from kymograph.server.settings import load_settings


def test_defaults_are_local_and_need_nothing(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path))

    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.database == f"sqlite:///{tmp_path}/kymograph.db"
    assert settings.objects == (tmp_path / "objects").as_uri()
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.is_embedded
    assert settings.admin_api_key is None
    assert settings.json_logs


def test_data_folder_is_the_users_by_default_and_absolute_always(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert load_settings({}).data.name == "kymograph"
    assert load_settings({"KYMOGRAPH_DATA": "relative"}).data == tmp_path / "relative"
    assert load_settings({"KYMOGRAPH_DATA": "~/k"}).data == Path("~/k").expanduser()


@pytest.mark.parametrize(
    ("name", "variable", "flag"),
    [
        ("host", "10.0.0.1", "10.0.0.2"),
        ("database", "postgresql://a/x", "postgresql://b/x"),
        ("objects", "s3://a", "s3://b"),
        ("public_url", "https://a.example", "https://b.example"),
    ],
)
def test_flag_wins_over_variable_and_variable_over_default(name: str, variable: str, flag: str) -> None:
    environment = {f"KYMOGRAPH_{name.upper()}": variable}

    assert getattr(load_settings(environment), name) == variable
    assert getattr(load_settings(environment, **{name: flag}), name) == flag  # type: ignore[arg-type]
    assert getattr(load_settings({f"KYMOGRAPH_{name.upper()}": ""}), name) == getattr(load_settings({}), name)


def test_port_zero_as_a_flag_wins_over_the_variable() -> None:
    assert load_settings({"KYMOGRAPH_PORT": "9000"}).port == 9000
    assert load_settings({"KYMOGRAPH_PORT": "9000"}, port=0).port == 0


def test_variables_without_a_flag() -> None:
    settings = load_settings(
        {
            "KYMOGRAPH_ADMIN_API_KEY": "k" * 40,
            "KYMOGRAPH_ADMIN_USERNAME": "root",
            "KYMOGRAPH_CACHE_BYTES": "1000",
            "KYMOGRAPH_LOG_FORMAT": "text",
            "OTHER_PORT": "1",
        }
    )

    assert (settings.admin_api_key, settings.admin_username) == ("k" * 40, "root")
    assert (settings.cache_bytes, settings.json_logs, settings.port) == (1000, False, 8080)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://localhost:8080"),
        ("::", "http://localhost:8080"),
        ("::1", "http://[::1]:8080"),
        ("example.org", "http://example.org:8080"),
    ],
)
def test_public_url_is_made_of_an_address_that_clients_can_reach(host: str, url: str) -> None:
    assert load_settings({}, host=host).public_url == url


def test_public_url_loses_its_trailing_slash() -> None:
    assert load_settings({}, public_url="https://host/base/").public_url == "https://host/base"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "٣"),
        ("PUBLIC_URL", "host:8080"),
        ("PUBLIC_URL", "ftp://host"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://host?x=1"),
        ("PUBLIC_URL", "https://host#x"),
        ("CACHE_BYTES", "1e9"),
    ],
)
def test_value_that_cannot_be_is_refused_with_its_name_and_rule(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        load_settings({f"KYMOGRAPH_{name}": value})

    assert caught.value.setting == name.lower()
    assert value in str(caught.value)
    assert caught.value.rule


def test_server_with_a_database_elsewhere_is_not_embedded() -> None:
    assert not load_settings({}, database="postgresql://host/name").is_embedded


def test_compaction_and_collection_can_be_tuned() -> None:
    settings = load_settings(
        {
            "KYMOGRAPH_COMPACT_BYTES": "1000",
            "KYMOGRAPH_COMPACT_QUIET_BYTES": "10",
            "KYMOGRAPH_COMPACT_QUIET_S": "0.5",
            "KYMOGRAPH_COMPACT_BATCH_BYTES": "2000",
            "KYMOGRAPH_COMPACT_FAN_IN": "2",
            "KYMOGRAPH_COMPACT_CLAIM_S": "3",
            "KYMOGRAPH_GC_GRACE_S": "0",
        }
    )

    assert (settings.compact_bytes, settings.compact_quiet_bytes, settings.compact_quiet_s) == (1000, 10, 0.5)
    assert (settings.compact_batch_bytes, settings.compact_fan_in) == (2000, 2)
    assert (settings.compact_claim_s, settings.gc_grace_s) == (3.0, 0.0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CACHE_BYTES", "-1"),
        ("SEGMENT_CACHE_BYTES", "1e9"),
        ("COMPACT_BYTES", "0"),
        ("COMPACT_FAN_IN", "1"),
        ("COMPACT_QUIET_S", "soon"),
        ("COMPACT_CLAIM_S", "-1"),
        ("GC_GRACE_S", "inf"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=name.lower()):
        load_settings({f"KYMOGRAPH_{name}": text})


@pytest.mark.parametrize(("text", "names"), [("", ()), ("mars", ("mars",)), (" mars, moon ,", ("mars", "moon"))])
def test_storage_regions_are_a_list_of_names(text: str, names: tuple[str, ...]) -> None:
    assert load_settings({"KYMOGRAPH_STORAGE_REGIONS": text}).storage_regions == names
