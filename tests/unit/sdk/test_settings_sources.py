"""Where settings are read from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kymograph.errors import InvalidChoice, InvalidSetting, UnknownSetting
from kymograph.sdk.settings import Settings, Source
from kymograph.sdk.settings_sources import INIT_ARGUMENTS, VARIABLES, load_settings

# Source: seeds.md, Appendix 2.
APPENDIX = """
WANDB_API_KEY, WANDB_BASE_URL, WANDB_APP_URL, WANDB_ENTITY, WANDB_ORGANIZATION, WANDB_PROJECT, WANDB_USERNAME,
WANDB_USER_EMAIL, WANDB_HOST, WANDB_IDENTITY_TOKEN_FILE, WANDB_CREDENTIALS_FILE, WANDB_INSECURE_DISABLE_SSL,
WANDB_RUN_ID, WANDB_NAME, WANDB_NOTES, WANDB_TAGS, WANDB_RUN_GROUP, WANDB_JOB_TYPE, WANDB_MODE, WANDB_RESUME,
WANDB_SWEEP_ID, WANDB_SWEEP_PARAM_PATH, WANDB_CONFIG_PATHS, WANDB_DESCRIPTION, WANDB_SHOW_RUN, WANDB_ARGS,
WANDB_RUN_DIR, WANDB_RUN_STORAGE_ID, WANDB_INITED, WANDB_MAGIC, WANDB_DIR, WANDB_DATA_DIR, WANDB_CACHE_DIR,
WANDB_CONFIG_DIR, WANDB_ARTIFACT_DIR, WANDB_DISABLE_CODE, WANDB_SAVE_CODE, WANDB_DISABLE_GIT, WANDB_GIT_COMMIT,
WANDB_GIT_REMOTE_URL, WANDB_GIT_ROOT, WANDB_PROGRAM, WANDB_NOTEBOOK_NAME, WANDB_JUPYTER, WANDB_DOCKER,
WANDB_X_EXECUTABLE, WANDB_SILENT, WANDB_QUIET, WANDB_DEBUG, WANDB_CORE_DEBUG, WANDB_IGNORE_GLOBS,
WANDB_ERROR_REPORTING, WANDB_HTTP_TIMEOUT, WANDB_INIT_TIMEOUT, WANDB_FILE_PUSHER_TIMEOUT, WANDB_CRASH_NOSYNC_TIME,
WANDB_SERVICE, WANDB_CONSOLE, WANDB_WATCH, WANDB_ARTIFACT_FETCH_FILE_URL_BATCH_SIZE, WANDB_ENABLE_DCGM_PROFILING,
WANDB_AGENT_REPORT_INTERVAL, WANDB_AGENT_KILL_DELAY, WANDB_AGENT_DISABLE_FLAPPING, WANDB_AGENT_MAX_INITIAL_FAILURES,
WANDB_LAUNCH_QUEUE_NAME, WANDB_LAUNCH_QUEUE_ENTITY, WANDB_LAUNCH_TRACE_ID
"""


class Machine:
    """A home, a folder, and what is said."""

    def __init__(self, folder: Path) -> None:
        self.home, self.work = folder / "home", folder / "work"
        self.warnings: list[str] = []

    def file(self, where: str, text: str) -> Path:
        path = (self.home / ".config" / "wandb" if where == "home" else self.work / where) / "settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[default]\n{text}\n")
        return path

    def load(self, *, environment: dict[str, str] | None = None, **sources: Any) -> Settings:
        variables = {"WANDB_DIR": str(self.work), **(environment or {})}
        return load_settings(environment=variables, home=self.home, warn=self.warnings.append, **sources)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_every_variable_of_the_catalogue_is_a_setting() -> None:
    assert set(re.findall(r"WANDB_\w+", APPENDIX)) <= VARIABLES.keys()


def test_sources_in_their_order(machine: Machine) -> None:
    machine.file("home", "project = home\nentity = home\nrun_group = home\nmode = offline")
    machine.file("wandb", "project = folder\nentity = folder\nrun_group = folder")
    settings = machine.load(
        environment={"WANDB_PROJECT": "variable", "WANDB_ENTITY": "variable", "WANDB_NAME": "variable"},
        setup={"project": "setup", "run_notes": "setup"},
        init={"project": "init", "name": "init", "notes": "init", "tags": ["a"], "id": None},
        settings=Settings(project="object", run_notes="object"),
        arguments={"run_notes": "line"},
    )

    assert settings.given() == {
        "root_dir": str(machine.work),
        "mode": "offline",
        "run_group": "folder",
        "entity": "variable",
        "run_name": "init",
        "run_tags": ("a",),
        "project": "object",
        "run_notes": "line",
    }
    (project,) = settings.explain("project")
    assert [old.source for old in project.replaced] == [
        Source.INIT, Source.SETUP, Source.ENV, Source.WORKSPACE, Source.SYSTEM, Source.BASE,
    ]  # fmt: skip
    assert project.replaced[2].detail == "WANDB_PROJECT"
    assert project.replaced[3].detail == str(machine.work / "wandb" / "settings")


def test_our_own_folder_counts_more_than_that_of_the_other_client(machine: Machine) -> None:
    machine.file("wandb", "mode = disabled")
    machine.file("kymograph", "mode = offline")

    assert machine.load().mode == "offline"


def test_the_folder_may_be_an_argument(machine: Machine, tmp_path: Path) -> None:
    machine.work = tmp_path / "other"
    machine.file("wandb", "project = there")

    settings = load_settings(environment={}, home=machine.home, init={"dir": machine.work})

    assert (settings.project, settings.root_dir) == ("there", str(machine.work))


def test_the_users_files_may_be_elsewhere(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "settings").write_text("[default]\nentity = e\n")
    settings = machine.load(environment={"WANDB_CONFIG_DIR": str(tmp_path / "conf")})

    assert settings.entity == "e"
    assert settings.settings_system == str(tmp_path / "conf" / "settings")
    assert settings.credentials_file == str(tmp_path / "conf" / "credentials.json")


def test_what_a_file_says_that_cannot_be_used_is_told_and_the_rest_counts(machine: Machine) -> None:
    machine.file("home", "anonymous = must\nmode = nonsense\nfuture_setting = 1\nroot_dir = /x\nproject = p\nentity =")

    assert machine.load().given().keys() == {"root_dir", "project"}
    assert len(machine.warnings) == 3
    assert "mode = 'nonsense' cannot be used: one of online" in machine.warnings[0]
    assert "'future_setting'" in machine.warnings[1]
    assert "cannot stand in a file" in machine.warnings[2]


def test_a_broken_file_is_told(machine: Machine) -> None:
    machine.file("home", "").write_text("nonsense")

    assert machine.load().mode == "online"
    assert "cannot be read" in machine.warnings[0]


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("WANDB_IGNORE_GLOBS", "foo,bar", "ignore_globs", ("foo", "bar")),
        ("WANDB_TAGS", "a, b", "run_tags", ("a", "b")),
        ("WANDB_SILENT", "true", "silent", True),
        ("WANDB_QUIET", "false", "quiet", False),
        ("WANDB_X_DISABLE_STATS", "1", "x_disable_stats", True),
        ("WANDB__DISABLE_STATS", "true", "x_disable_stats", True),
        ("WANDB_HTTP_TIMEOUT", "7", "x_graphql_timeout_seconds", 7.0),
        ("WANDB_ARGS", '["--lr", "0,1"]', "args", ("--lr", "0,1")),
        ("WANDB_CONFIG_PATHS", "a.yaml,b.yaml", "config_paths", ("a.yaml", "b.yaml")),
        ("WANDB_RESUME", "true", "resume", "auto"),
        ("WANDB_RUN_GROUP", "g", "run_group", "g"),
        ("WANDB_USER_EMAIL", "a@b", "email", "a@b"),
        ("WANDB_DURABILITY", "fsync", "durability", "fsync"),
        ("KYMOGRAPH_DURABILITY", "fsync", "durability", "fsync"),
        ("KYMOGRAPH_STEP_ORDER", "strict", "step_order", "strict"),
        ("WANDB_FORK_FROM", "abc?_step=3", "fork_from", None),
    ],
)
def test_variables(machine: Machine, variable: str, text: str, name: str, value: Any) -> None:
    settings = machine.load(environment={variable: text})

    found = getattr(settings, name)
    assert str(found) == text if value is None else found == value
    assert settings.explain(name)[0].origin.detail == variable


def test_an_empty_variable_is_none(machine: Machine) -> None:
    assert machine.load(environment={"WANDB_PROJECT": "", "WANDB_TAGS": " "}).given().keys() == {"root_dir"}


def test_notes_have_an_older_name(machine: Machine) -> None:
    assert machine.load(environment={"WANDB_DESCRIPTION": "old"}).run_notes == "old"
    assert machine.load(environment={"WANDB_DESCRIPTION": "old", "WANDB_NOTES": "new"}).run_notes == "new"


@pytest.mark.parametrize(
    ("variables", "saved"),
    [
        ({}, None),
        ({"WANDB_SAVE_CODE": "true"}, True),
        ({"WANDB_SAVE_CODE": "true", "WANDB_DISABLE_CODE": "true"}, False),
        ({"WANDB_DISABLE_CODE": "1"}, False),
        ({"WANDB_SAVE_CODE": "false"}, False),
    ],
)
def test_whether_code_is_saved(machine: Machine, variables: dict[str, str], saved: bool | None) -> None:
    assert machine.load(environment=variables).save_code is saved


def test_a_variable_that_cannot_be_used_is_named(machine: Machine) -> None:
    with pytest.raises(InvalidChoice, match="from the variable WANDB_MODE,"):
        machine.load(environment={"WANDB_MODE": "x"})
    with pytest.raises(InvalidSetting, match=r"from the variable WANDB_PROJECT,.*no /"):
        machine.load(environment={"WANDB_PROJECT": "a/b"})
    with pytest.raises(InvalidSetting) as caught:
        machine.load(environment={"WANDB_API_KEY": " secret"})
    assert "secret" not in str(caught.value)


def test_arguments_that_never_were_are_refused(machine: Machine) -> None:
    with pytest.raises(UnknownSetting):
        machine.load(settings={"nonsense": 1})


def test_arguments_of_init_are_settings() -> None:
    assert set(INIT_ARGUMENTS.values()) <= set(Settings().keys())
