"""Which server is meant, and as whom, where there are no settings of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.client.addresses import DEFAULT_BASE_URL
from kymograph.client.environment import Surroundings
from kymograph.errors import InvalidSetting, Unauthenticated

KEY, OTHER = "a" * 40, "b" * 40


def surroundings(tmp_path: Path, filed: dict[str, str] | None = None, **environment: str) -> Surroundings:
    values = {name: (value, "the file") for name, value in (filed or {}).items()}
    return Surroundings(environment, tmp_path, tmp_path, values)


def test_the_environment_counts_more_than_files(tmp_path: Path) -> None:
    here = surroundings(
        tmp_path, {"base_url": "http://filed:1", "api_key": OTHER}, WANDB_BASE_URL="http://env:1/", WANDB_API_KEY=KEY
    )

    connection = here.connection()

    assert (connection.base_url, connection.credential.api_key) == ("http://env:1", KEY)
    assert (
        surroundings(tmp_path, {"base_url": "http://filed:1", "api_key": OTHER}).connection().base_url
        == "http://filed:1"
    )


def test_arguments_count_most(tmp_path: Path) -> None:
    connection = surroundings(tmp_path, WANDB_API_KEY=KEY).connection("http://given:1", OTHER)

    assert (connection.base_url, connection.credential.api_key) == ("http://given:1", OTHER)


def test_a_key_that_is_set_goes_to_no_other_server(tmp_path: Path) -> None:
    here = surroundings(tmp_path, WANDB_API_KEY=KEY, WANDB_BASE_URL="http://mine:1")

    with pytest.raises(Unauthenticated):
        here.connection("http://other:1")
    (tmp_path / ".netrc").write_text(f"machine other login user password {OTHER}\n")
    assert here.connection("http://other:1").credential.api_key == OTHER


def test_without_anything_it_is_the_server_of_this_machine(tmp_path: Path) -> None:
    assert surroundings(tmp_path).base_url() == DEFAULT_BASE_URL
    with pytest.raises(Unauthenticated):
        surroundings(tmp_path).connection()
    with pytest.raises(InvalidSetting):
        surroundings(tmp_path, WANDB_BASE_URL="nonsense").base_url()


def test_how_to_get_there_comes_from_the_same_places(tmp_path: Path) -> None:
    connection = surroundings(
        tmp_path,
        {"insecure_disable_ssl": "true"},
        WANDB_API_KEY=KEY,
        WANDB_HTTP_PROXY="http://proxy:3128",
        WANDB__EXTRA_HTTP_HEADERS='{"X-Team": "a"}',
        WANDB_X_GRAPHQL_TIMEOUT_SECONDS="7",
    ).connection()

    assert not connection.checks_certificates
    assert connection.proxies == {"http://": "http://proxy:3128"}
    assert connection.headers == {"X-Team": "a"}
    assert connection.graphql.timeout_s == 7


def test_contents_are_kept_where_downloads_keep_them(tmp_path: Path) -> None:
    assert surroundings(tmp_path, WANDB_CACHE_DIR=str(tmp_path / "c")).cache_folder() == tmp_path / "c" / "artifacts"
