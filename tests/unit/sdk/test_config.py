"""The config of a run."""

from __future__ import annotations

import argparse
import copy
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from kymograph.errors import ConfigError, UsageError
from kymograph.sdk.config import Config, StaticConfig
from kymograph.sdk.config_sources import read_config, read_config_file

Told = list[tuple[tuple[str, ...], Any]]


def told() -> tuple[Config, Told]:
    changes: Told = []
    return Config(on_change=lambda path, value: changes.append((path, value))), changes


def test_items_and_attributes_are_the_same() -> None:
    config, changes = told()
    config["lr"] = 0.1
    config.epochs = 3

    assert (config.lr, config["epochs"], config.get("x"), config.get("x", 1)) == (0.1, 3, None, 1)
    assert dict(config) == config.as_dict() == {"lr": 0.1, "epochs": 3}
    assert config == {"lr": 0.1, "epochs": 3}
    assert ("lr" in config, len(config), list(config)) == (True, 2, ["lr", "epochs"])
    assert changes == [(("lr",), 0.1), (("epochs",), 3)]


def test_what_is_not_there_is_said_as_of_any_object_or_mapping() -> None:
    config = Config()

    with pytest.raises(AttributeError, match="object has no attribute 'a'"):
        _ = config.a
    with pytest.raises(KeyError):
        _ = config["a"]
    assert not hasattr(config, "a")


def test_values_do_not_change_unasked() -> None:
    config, changes = told()
    config.update({"a": 1, "n": math.nan})
    config.update({"a": 1, "n": math.nan})

    with pytest.raises(ConfigError, match='Attempted to change value of key "a" from 1 to 2'):
        config.update({"new": 0, "a": 2})
    assert "new" not in config
    with pytest.raises(ConfigError):
        config.a = 2
    config.update({"a": 2}, allow_val_change=True)

    assert config.a == 2
    assert len(changes) == 5


def test_values_may_change_where_that_is_usual() -> None:
    config = Config({"a": 1}, allow_val_change=True)
    config.a = 2

    assert config.a == 2
    with pytest.raises(ConfigError):
        config.update({"a": 3}, allow_val_change=False)


def test_defaults_fill_gaps() -> None:
    config, changes = told()
    config.a = 1
    config.setdefaults({"a": 2, "b": 3, "--c": 4})

    assert config.as_dict() == {"a": 1, "b": 3, "c": 4}
    assert changes[1:] == [(("b",), 3), (("c",), 4)]


def test_locked_keys_stay_with_a_warning() -> None:
    warnings: list[str] = []
    config = Config(warn=warnings.append)
    config.lr = 1
    config.update_locked({"lr": 2, "model": {"width": 4}}, user="sweep")
    config.lr = 9
    config["model"]["width"] = 9
    config.update({"lr": 8, "other": 1})

    assert config.as_dict() == {"lr": 2, "model": {"width": 4}, "other": 1}
    assert warnings == [
        "Config item 'lr' was locked by 'sweep' (ignored update).",
        "Config item 'model' was locked by 'sweep' (ignored update).",
        "Config item 'lr' was locked by 'sweep' (ignored update).",
    ]


def test_locked_mappings_can_be_merged() -> None:
    config = Config({"path": {"to": {"override": "baz", "keep": "baf"}}})
    config.merge_locked({"path": {"to": {"override": "bar"}}}, "sweep", _allow_val_change=True)

    assert config.as_dict() == {"path": {"to": {"override": "bar", "keep": "baf"}}}


def test_mappings_within_are_dictionaries_whose_changes_are_told() -> None:
    config, changes = told()
    config.model = {"width": 1, "deep": {"x": 1}, "gone": 1}
    config["model"]["deep"]["y"] = (1, 2)
    config["model"].update(width=2)
    del config["model"]["gone"]

    assert config.model == {"width": 2, "deep": {"x": 1, "y": [1, 2]}}
    assert isinstance(config.model, dict)
    assert json.loads(json.dumps(config.model)) == config.model
    assert changes[1:] == [
        (("model", "deep", "y"), [1, 2]),
        (("model", "width"), 2),
        (("model",), {"width": 2, "deep": {"x": 1, "y": [1, 2]}}),
    ]


def test_every_way_to_change_a_mapping_is_told() -> None:
    config, changes = told()
    config.m = {"a": 1, "b": 2, "c": 3}
    nested = config.m
    nested |= {"d": 4}
    assert nested.setdefault("e", 5) == 5
    assert nested.setdefault("e", 6) == 5
    assert (nested.pop("a"), nested.pop("zz", 0), nested.popitem()) == (1, 0, ("e", 5))
    with pytest.raises(KeyError):
        nested.pop("zz")
    nested.clear()

    assert config.as_dict() == {"m": {}}
    assert [path for path, _ in changes] == [("m",), ("m", "d"), ("m", "e"), ("m",), ("m",), ("m",)]


def test_a_copy_of_a_mapping_belongs_to_no_run() -> None:
    config, changes = told()
    config.m = {"a": {"b": 1}}
    for copied in (copy.copy(config.m), copy.deepcopy(config.m), pickle.loads(pickle.dumps(config.m))):
        copied["a"] = 2
    config.as_dict()["m"]["a"] = 2  # type: ignore[index,call-overload]

    assert config.as_dict() == {"m": {"a": {"b": 1}}}
    assert len(changes) == 1


def test_names_lose_dashes_and_private_ones_are_hidden() -> None:
    config = Config()
    config.update({"--batch-size": 1, "_own": 2})

    assert config.keys() == ["batch-size"]
    assert config.items() == [("batch-size", 1)]
    assert config.values() == [1]
    assert "_own" in config
    assert config.as_wire() == {"batch-size": {"value": 1}, "_own": {"value": 2}}


def test_values_become_plain() -> None:
    config = Config({"s": slice(1, 2), "t": (1, 2), "f": json.dumps})

    assert config.as_dict() == {
        "s": {"slice_start": 1, "slice_step": None, "slice_stop": 2},
        "t": [1, 2],
        "f": "json.dumps",
    }


def test_values_can_be_prepared_or_refused() -> None:
    def prepare(key: str, value: Any) -> Any:
        if value is Config:
            raise TypeError(f"{key} does not belong here")
        return "prepared" if value == "raw" else value

    config = Config(prepare=prepare)
    config.a = "raw"
    with pytest.raises(TypeError, match="b does not belong here"):
        config.update({"c": 1, "b": Config})

    assert config.as_dict() == {"a": "prepared"}


def test_everything_can_be_told_again() -> None:
    config, changes = told()
    config.a = {"b": 1}
    changes.clear()
    config.persist()

    assert changes == [(("a",), {"b": 1})]


def test_first_values_are_told_nobody() -> None:
    changes: Told = []
    config = Config({"a": 1}, on_change=lambda path, value: changes.append((path, value)))

    assert config.a == 1
    assert changes == []


def test_namespaces_and_objects_are_configs() -> None:
    config = Config()
    config.update(argparse.Namespace(lr=1))
    config.update(Config({"x": 2}))

    assert config.as_dict() == {"lr": 1, "x": 2}
    with pytest.raises(TypeError, match="dict or have a __dict__"):
        config.update(5)


def test_names_can_be_chosen() -> None:
    assert read_config({"a": 1, "b": 2}, include=["a"]) == {"a": 1}
    assert read_config({"a": 1, "b": 2}, exclude=["a"]) == {"b": 2}
    assert read_config(None) == {}
    with pytest.raises(UsageError, match="not both"):
        read_config({}, include=["a"], exclude=["b"])


def test_yaml_files_in_either_form(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "wandb_version: 1\n_wandb: {value: {}}\nlr: {desc: null, value: 0.1}\n"
        "model: {width: 3}\nx: {value: 1, other: 2}\n"
    )
    config = Config()
    config.update(str(path))

    assert config.as_dict() == {"lr": 0.1, "model": {"width": 3}, "x": {"value": 1, "other": 2}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "doesn't exist"),
        ("a: [", "Invalid YAML"),
        ("- 1", "holds a list"),
        ("wandb_version: 2", "version 2"),
        (b"\xff\xfe\x00", "Couldn't read"),
    ],
)
def test_files_that_are_no_config_are_refused_with_their_name(
    text: str | bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ConfigError, match=said) as caught:
        read_config_file(path)
    assert "config" in str(caught.value)


def test_an_empty_file_is_an_empty_config(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("")

    assert read_config_file(tmp_path / "c.yaml") == {}


def test_the_config_of_a_moment_does_not_change() -> None:
    static = StaticConfig(Config({"a": {"b": 1}}))

    assert (static.a, static["a"], static.keys(), dict(static)) == ({"b": 1}, {"b": 1}, ["a"], {"a": {"b": 1}})
    with pytest.raises(AttributeError, match="read-only"):
        static.a = 2
    with pytest.raises(AttributeError, match="read-only"):
        static["a"] = 2
    assert not hasattr(static, "x")
