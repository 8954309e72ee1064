"""Settings: values, ranks, rules, and where values came from."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from kymograph.errors import InvalidChoice, InvalidSetting, SettingsFrozen, UnknownSetting, UsageError
from kymograph.sdk.settings import FIELD_NAMES, Settings, Source
from kymograph.sdk.settings_computed import ComputedSettings
from kymograph.sdk.settings_fields import REMOVED, SettingsFields
from kymograph.sdk.settings_values import RunMoment


def test_every_setting_has_its_default() -> None:
    settings = Settings()

    assert settings.keys() == list(FIELD_NAMES)
    assert (settings.mode, settings.base_url, settings.ignore_globs) == ("online", "http://localhost:8080", ())
    assert (settings.durability, settings.step_order, settings.finish_timeout, settings.detach_on_finish) == (
        "os",
        "any",
        60.0,
        True,
    )
    assert settings.root_dir == str(Path.cwd())
    assert settings.x_stats_pid == os.getpid()
    assert settings.given() == {}
    assert REMOVED.isdisjoint(FIELD_NAMES)


def test_defaults_pass_their_own_rules() -> None:
    for name, value in Settings().to_dict().items():
        if value is not None and value != "":
            Settings(**{name: value})


def test_a_setting_that_never_was_is_unknown_everywhere() -> None:
    settings = Settings()

    with pytest.raises(AttributeError, match="there is no setting 'missing'"):
        _ = settings.missing
    with pytest.raises(AttributeError):
        settings.missing = 1
    with pytest.raises(KeyError) as caught:
        settings.update(project="p", missing=1)
    assert str(caught.value).startswith("there is no setting 'missing'; ")
    assert settings.project is None
    with pytest.raises(ValueError, match="lol"):
        Settings(lol=False)
    assert not hasattr(settings, "missing")
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del settings.project


def test_nothing_of_an_update_is_applied_if_one_value_cannot_be_used() -> None:
    settings = Settings()

    with pytest.raises(InvalidChoice):
        settings.update({"project": "p", "mode": "goodprojo"})
    assert settings.project is None
    assert settings.given() == {}


@pytest.mark.parametrize(("name", "value"), [("mode", "x"), ("console", "x"), ("api_key", 5), ("quiet", "maybe")])
def test_a_value_of_another_type_or_none_of_the_choices(name: str, value: Any) -> None:
    for kind in (TypeError, ValueError):
        with pytest.raises(kind, match=f"setting {name} = "):
            Settings(**{name: value})


def test_none_never_overwrites_but_may_be_assigned() -> None:
    settings = Settings(project="p", entity=None)
    settings.update(project=None)
    assert settings.project == "p"
    settings.project = None

    assert settings.project is None
    with pytest.raises(TypeError):
        settings.mode = None  # type: ignore[assignment]


def test_higher_ranks_win_in_any_order() -> None:
    settings = Settings()
    settings.update(project="env", source=Source.ENV)
    settings.update(project="file", source=Source.SYSTEM)
    assert settings.project == "env"
    settings.update(project="init", source=Source.INIT)
    settings.update(project="env2", source=Source.ENV)

    assert settings.project == "init"


def test_overrides_win_and_the_lowest_rank_among_them() -> None:
    settings = Settings()
    settings.update(project="init", source=Source.INIT)
    settings.update(project="team", source=Source.ENTITY, override=True)
    assert settings.project == "team"
    settings.update(project="org", source=Source.ORG, override=True)
    settings.update(project="user", source=Source.USER, override=True)
    settings.update(project="args", source=Source.ARGS)

    assert settings.project == "org"


def test_an_assignment_takes_effect() -> None:
    settings = Settings(mode="offline")
    settings.update(mode="disabled", source=Source.ARGS)
    settings.mode = "online"

    assert settings.mode == "online"


def test_frozen_settings_refuse_every_change() -> None:
    settings = Settings(project="p")
    settings.freeze()

    with pytest.raises(TypeError, match="frozen"):
        settings.project = "q"
    with pytest.raises(SettingsFrozen):
        settings.update(mode="offline")
    with pytest.raises(SettingsFrozen):
        settings.missing = 1
    thawed = settings.copy()
    thawed.project = "q"
    assert (settings.project, thawed.project, settings.is_frozen) == ("p", "q", True)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_is_independent(copied: Any) -> None:
    settings = Settings(base_url="https://one")
    other = copied(settings)
    other.base_url = "https://two"

    assert (settings.base_url, other.base_url) == ("https://one", "https://two")
    assert settings != other
    assert settings == settings.copy()


def test_settings_made_of_settings_take_what_was_given() -> None:
    settings = Settings(project="p", mode="offline")
    settings.update(Settings(mode="disabled"), source=Source.SETTINGS)

    assert (settings.project, settings.mode) == ("p", "disabled")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"ignore_globs": ["a"]}, ("a",)),
        ({"ignore_globs": "a, b,"}, ("a", "b")),
        ({"run_tags": "one"}, ("one",)),
        ({"root_dir": Path("foo")}, "foo"),
        ({"base_url": "https://host.com///"}, "https://host.com"),
        ({"x_stats_gpu_device_ids": "[0, 1]"}, (0, 1)),
        ({"x_stats_open_metrics_filters": '{"A": {"pod": "x"}}'}, {"A": {"pod": "x"}}),
        ({"x_stats_open_metrics_filters": ["a.*"]}, ("a.*",)),
        ({"x_extra_http_headers": '{"A": "b"}'}, {"A": "b"}),
        ({"x_stats_disk_paths": '["/", "/data"]'}, ("/", "/data")),
        ({"resume": True}, "auto"),
        ({"resume": False}, None),
        ({"reinit": "create_new"}, "create_new"),
        ({"reinit": True}, True),
        ({"init_timeout": "5"}, 5.0),
        ({"heartbeat_seconds": 3.0}, 3),
        ({"fork_from": "abc-1?_step=10"}, RunMoment("abc-1", 10)),
        ({"resume_from": "abc?_step=1.5"}, RunMoment("abc", 1.5)),
        ({"quiet": "True"}, True),
        ({"save_code": "0"}, False),
    ],
)
def test_values_are_read_from_what_people_write(given: dict[str, Any], found: Any) -> None:
    (name,) = given

    assert getattr(Settings(**given), name) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"base_url": "gibberish"}, "http or https address"),
        ({"base_url": "ftp://host"}, "http or https address"),
        ({"base_url": "http://host\t.ai"}, "http or https address"),
        ({"base_url": "http://host:99999999"}, "http or https address"),
        ({"project": "a/b"}, "no /"),
        ({"project": "x" * 129}, "at most 128"),
        ({"run_id": "a:b"}, "no :"),
        ({"run_id": "a,b"}, "cannot contain the characters: ,"),
        ({"run_id": " a"}, "whitespace"),
        ({"run_id": "x" * 65}, "at most 64"),
        ({"sweep_id": ""}, "cannot be empty"),
        ({"run_tags": [""]}, "Tags must be between 1 and 64 characters"),
        ({"run_tags": ["ok", "a" * 65]}, "Tags must be between 1 and 64 characters"),
        ({"run_tags": ""}, "Tags must be"),
        ({"x_stats_sampling_interval": 0.05}, "at least 0.1"),
        ({"x_file_stream_max_line_bytes": 0}, "greater than 0"),
        ({"x_service_wait": -1}, "not below zero"),
        ({"finish_timeout": float("nan")}, "not below zero"),
        ({"fork_from": "abc"}, "_step=<number>"),
        ({"fork_from": "abc?loss=1"}, "_step=<number>"),
        ({"fork_from": "abc?_step=x"}, "_step=<number>"),
        ({"fork_from": "abc?_step=1", "run_id": "abc"}, "another run_id"),
        ({"resume_from": "abc?_step=1", "run_id": "other"}, "another run than"),
        ({"resume_from": "abc?_step=1", "resume": "allow"}, "mutually exclusive"),
        ({"x_stats_open_metrics_endpoints": "{"}, "JSON"),
        ({"x_stats_gpu_device_ids": 5}, "integers"),
        ({"ignore_globs": 5}, "texts"),
        ({"stop_fn": 5}, "a function"),
        ({"heartbeat_seconds": 1.5}, "an integer"),
        ({"x_log_level": "x"}, "an integer"),
        ({"init_timeout": "soon"}, "a number"),
        ({"reinit": "x"}, "finish_previous"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_rule(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Settings(**given)


def test_a_key_with_spaces_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidSetting, match="whitespace") as caught:
        Settings(api_key="secret ")

    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Settings(api_key="secret"))


def test_removed_settings_are_taken_with_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    Settings(start_method="thread", _disable_service=True)
    Settings(start_method="fork").update(anonymous="must")

    said = capsys.readouterr().err.splitlines()
    assert [line.split("'")[1] for line in said] == ["start_method", "_disable_service", "anonymous"]
    assert said[0].startswith("kymograph: WARNING setting 'start_method' has been removed")


def test_other_names_of_settings() -> None:
    settings = Settings(_disable_stats=True, x_primary_node=False)
    settings._disable_meta = True

    assert (settings.x_disable_stats, settings._disable_stats, settings.x_primary) == (True, True, False)
    assert settings.x_disable_meta
    assert "_disable_stats" in settings
    assert "nothing" not in settings


def test_explanations_say_where_a_value_came_from_and_what_it_replaced() -> None:
    settings = Settings()
    settings.update(mode="offline", source=Source.SYSTEM, details={"mode": "/home/settings"})
    settings.update(mode="online", source=Source.ENV, details={"mode": "WANDB_MODE"})
    settings.update(api_key="x" * 40, source=Source.ENV)

    (mode,) = settings.explain("mode")
    assert (mode.value, mode.origin.source, mode.origin.detail) == ("online", Source.ENV, "WANDB_MODE")
    assert [(old.source, old.value) for old in mode.replaced] == [
        (Source.SYSTEM, "offline"),
        (Source.BASE, "online"),
    ]
    assert str(settings.explain()).splitlines() == [
        "setting  value     from                      instead of",
        "api_key  (hidden)  environment               None of default",
        "mode     'online'  environment (WANDB_MODE)"
        "  'offline' of settings of the user (/home/settings); 'online' of default",
    ]
    assert len(settings.explain(everything=True)) == len(FIELD_NAMES)
    assert settings.explain("quiet")[0].replaced == ()
    with pytest.raises(UnknownSetting):
        settings.explain("missing")


def test_an_override_is_called_one() -> None:
    settings = Settings()
    settings.update(mode="offline", source=Source.ORG, override=True)

    assert "organization, as an override" in str(settings.explain("mode"))


def test_addresses_of_pages() -> None:
    settings = Settings(base_url="https://site", entity="me", project="a b", run_id="1 2", sweep_id="s")

    assert settings.app_url == "https://site"
    assert settings.project_url == "https://site/me/a%20b"
    assert settings.run_url == "https://site/me/a%20b/runs/1%202"
    assert settings.sweep_url == "https://site/me/a%20b/sweeps/s"
    settings.app_url_override = "https://pages/"
    assert settings.project_url == "https://pages/me/a%20b"
    assert Settings().project_url == Settings().run_url == Settings().sweep_url == ""


def test_folders_of_a_run(tmp_path: Path) -> None:
    settings = Settings(root_dir=tmp_path, run_id="abc", x_start_time=0.0)
    root = tmp_path / "kymograph"

    assert settings.wandb_dir == str(root)
    assert settings.sync_dir == str(root / f"run-{settings.timespec}-abc")
    assert settings.sync_file == str(Path(settings.sync_dir) / "run-abc.wandb")
    assert settings.files_dir == str(Path(settings.sync_dir) / "files")
    assert settings.log_user == str(Path(settings.sync_dir) / "logs" / "debug.log")
    assert settings.log_internal.endswith("debug-internal.log")
    assert settings.resume_fname == str(root / "wandb-resume.json")
    assert settings.settings_workspace == str(root / "settings")
    settings.mode = "offline"
    settings.x_sync_dir_suffix = "two"
    assert Path(settings.sync_dir).name == f"offline-run-{settings.timespec}-abc-two"
    (tmp_path / ".kymograph").mkdir()
    assert settings.wandb_dir == str(tmp_path / ".kymograph")
    settings.use_dot_wandb = False
    assert settings.wandb_dir == str(root)


def test_kinds_of_run() -> None:
    assert Settings(mode="dryrun")._offline
    assert Settings(mode="disabled")._noop
    assert Settings(mode="shared")._shared
    assert not Settings()._notebook
    assert Settings(jupyter=True)._jupyter
    assert Settings(args=["-x"])._args == ["-x"]


def test_every_computed_value_can_be_read() -> None:
    settings = Settings(run_id="abc", x_start_time=0.0)

    for name, member in vars(ComputedSettings).items():
        if isinstance(member, property):
            getattr(settings, name)
            assert name not in SettingsFields.__annotations__


def test_iterating_gives_names_and_values() -> None:
    assert dict(Settings(project="p"))["project"] == "p"
    assert Settings().get("nothing", 5) == 5


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "x_proxies"])
def test_a_secret_that_cannot_be_used_is_not_shown(name: str) -> None:
    with pytest.raises(InvalidSetting, match=name) as caught:
        Settings(**{name: "me:secret@host:1"})

    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
