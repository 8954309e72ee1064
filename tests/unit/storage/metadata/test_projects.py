"""Projects."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kymograph.core.project import ProjectStats, Visibility
from kymograph.core.run import RunChange, RunState
from kymograph.errors import NameTaken
from kymograph.types import FilePath, ObjectKey, ProjectName
from tests.unit.storage.metadata.builders import NOW, World, make_entity, make_project, make_user
from tests.unit.storage.space.content import log


def test_a_project_is_found_by_its_names_and_its_number(world: World) -> None:
    database, project = world.database, world.project

    assert database.read(lambda tx: tx.projects.find("ada", "mnist")) == project
    assert database.read(lambda tx: tx.projects.find_by_id(project.id)) == project
    assert project.visibility is Visibility.PRIVATE
    assert database.read(lambda tx: tx.projects.find("ada", "MNIST")) is None
    assert database.read(lambda tx: tx.projects.find("grace", "mnist")) is None


def test_names_are_unique_within_an_entity_only(world: World) -> None:
    make_user(world.database, "grace")

    make_project(world.database, make_entity(world.database, "grace"), "mnist")
    with pytest.raises(NameTaken):
        make_project(world.database, world.entity, "mnist")


def test_projects_are_listed_by_activity(world: World) -> None:
    database = world.database
    second = make_project(database, world.entity, "second", now=NOW + timedelta(seconds=1))
    make_user(database, "grace")
    make_project(database, make_entity(database, "grace"), "hers")
    database.write(lambda tx: tx.projects.touch(world.project.id, NOW + timedelta(seconds=2)))
    database.write(lambda tx: tx.projects.touch(world.project.id, NOW))  # activity never goes back

    listed, total = database.read(lambda tx: tx.projects.list([world.entity.id]))
    page, page_total = database.read(lambda tx: tx.projects.list([world.entity.id], limit=1, offset=1))
    found, found_total = database.read(lambda tx: tx.projects.list([world.entity.id], search="MNI"))

    assert [project.name for project in listed] == ["mnist", "second"]
    assert listed[0].last_activity_at == NOW + timedelta(seconds=2)
    assert (total, page, page_total) == (2, [second], 2)
    assert [project.name for project in found] == ["mnist"]
    assert found_total == 1
    assert database.read(lambda tx: tx.projects.list([])) == ([], 0)


def test_an_update_changes_only_what_is_given(world: World) -> None:
    database, project = world.database, world.project
    database.write(lambda tx: tx.projects.update(project.id, description="Digits", visibility=Visibility.PUBLIC))
    database.write(lambda tx: tx.projects.update(project.id, name=ProjectName("digits")))
    database.write(lambda tx: tx.projects.update(project.id, name=ProjectName("digits")))

    expected = replace(project, description="Digits", visibility=Visibility.PUBLIC, name=ProjectName("digits"))
    assert database.read(lambda tx: tx.projects.find("ada", "digits")) == expected


def test_a_project_cannot_take_the_name_of_another(world: World) -> None:
    make_project(world.database, world.entity, "second")

    with pytest.raises(NameTaken):
        world.database.write(lambda tx: tx.projects.update(world.project.id, name=ProjectName("second")))


def test_a_deleted_project_is_gone_with_its_runs_and_frees_its_name(world: World) -> None:
    database = world.database
    run = world.run("r1")

    database.write(lambda tx: tx.projects.delete(world.project.id))

    assert database.read(lambda tx: tx.projects.find("ada", "mnist")) is None
    assert database.read(lambda tx: tx.projects.list([world.entity.id])) == ([], 0)
    assert database.read(lambda tx: tx.runs.find_by_key(run.key)) is None
    assert database.read(lambda tx: tx.runs.list_silent(NOW + timedelta(days=1))) == []
    again = make_project(database, world.entity, "mnist")
    assert again.id != world.project.id


def test_stats_count_runs_bytes_and_days(world: World) -> None:
    database = world.database
    first = world.run("r1", now=NOW - timedelta(days=2))
    world.run("r2", RunChange(state=RunState.FINISHED))
    world.run("r3")
    deleted = world.run("r4")
    database.write(lambda tx: tx.runs.delete(deleted.key, NOW))
    database.write(
        lambda tx: tx.files.put(
            first.key,
            FilePath("a.txt"),
            size_bytes=100,
            md5=None,
            mimetype="text/plain",
            object_key=ObjectKey("k"),
            now=NOW,
        )
    )
    for name in ("weights", "same-bytes"):
        log(world, name, ["c"])
    empty = make_project(database, world.entity, "empty")

    stats = database.read(lambda tx: tx.projects.stats([world.project.id, empty.id], NOW, days=3))

    assert stats[world.project.id] == ProjectStats(run_count=3, running_count=1, storage_bytes=400, activity=(1, 0, 2))
    assert stats[empty.id] == ProjectStats(run_count=0, running_count=0, storage_bytes=0, activity=(0, 0, 0))
