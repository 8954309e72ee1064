from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kymograph.core import exact_json
from kymograph.errors import JournalCorrupt
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.settings_sources import load_settings
from kymograph.sdk.tensorboard.importing import find_event_files, import_event_files
from kymograph.wire.records_pb2 import Record
from tests.unit.event_files import AT_S, encode, event, name_of, number, write_event_file
from tests.unit.sdk.reading import records_of, rows_of


class Importing:
    def __init__(self, folder: Path) -> None:
        self.logs, self.runs = folder / "logs", folder / "kymograph"
        self.warnings: list[str] = []
        self._settings = load_settings(environment={}, home=folder)

    def run(self, path: Path | None = None) -> RunFolder:
        return import_event_files(path or self.logs, self.runs, self._settings, warn=self.warnings.append)


@pytest.fixture
def importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Importing:
    monkeypatch.chdir(tmp_path)
    return Importing(tmp_path)


def rows(folder: RunFolder) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key != "_timestamp"} for row in rows_of(folder.journal)]


def only(folder: RunFolder, kind: str) -> Record:
    (record,) = [record for record in records_of(folder.journal) if record.HasField(kind)]
    return record


def test_event_files_become_a_run_with_rows_in_the_order_of_time(importing: Importing) -> None:
    write_event_file(importing.logs / "train", event(0, number("loss", 4)), event(2, number("loss", 2)))
    write_event_file(importing.logs / "validation", event(1, number("loss", 5)), event(3, number("loss", 3)))

    folder = importing.run()

    assert rows(folder) == [
        {"train/loss": 4.0, "global_step": 0, "_step": 0, "_runtime": 0.0},
        {"validation/loss": 5.0, "global_step": 1, "_step": 1, "_runtime": 1.0},
        {"train/loss": 2.0, "global_step": 2, "_step": 2, "_runtime": 2.0},
        {"validation/loss": 3.0, "global_step": 3, "_step": 3, "_runtime": 3.0},
    ]


def test_the_run_began_and_ended_with_its_events_and_is_called_as_the_folder(importing: Importing) -> None:
    write_event_file(importing.logs, event(90, number("loss", 1)))

    folder = importing.run()

    run, end = only(folder, "run").run, only(folder, "exit").exit
    assert run.display_name == "logs"
    assert run.start_time.seconds == int(AT_S)
    assert (end.exit_code, end.runtime) == (0, 90)
    summary = {item.key: exact_json.loads(item.value_json) for item in only(folder, "summary").summary.update}
    assert summary["loss"] == 1.0


def test_the_same_files_are_the_same_run_which_is_left_as_it_is(importing: Importing) -> None:
    path = write_event_file(importing.logs, event(1, number("loss", 1)))
    first = importing.run()
    mark = first.synced_mark
    mark.touch()

    assert importing.run() == first
    assert mark.exists()
    with path.open("ab") as file:
        file.write(encode([event(2, number("loss", 2))]))
    assert importing.run() == first
    assert not mark.exists()
    assert [row["loss"] for row in rows(first)] == [1.0, 2.0]


def test_two_trainings_that_began_in_the_same_second_are_two_runs(importing: Importing) -> None:
    for number_, name in enumerate(("a", "b")):
        path = write_event_file(importing.logs / name)
        path.write_bytes(encode([event(0, number("loss", 1), at_s=AT_S + number_ / 1000)]))

    assert importing.run(importing.logs / "a").run_id != importing.run(importing.logs / "b").run_id


def test_a_single_file_is_a_run_too_and_is_kept_with_it(importing: Importing) -> None:
    path = write_event_file(importing.logs, event(1, number("loss", 1)))

    folder = importing.run(path)

    assert (folder.files / name_of()).read_bytes() == path.read_bytes()
    assert [row["loss"] for row in rows(folder)] == [1.0]


def test_a_damaged_file_is_told_and_the_rest_of_it_is_taken(importing: Importing) -> None:
    path = write_event_file(importing.logs, event(1, number("loss", 1)))
    path.write_bytes(path.read_bytes() + b"garbage that is no record" + encode([event(2, number("loss", 2))]))

    assert [row["loss"] for row in rows(importing.run())] == [1.0, 2.0]
    assert len(importing.warnings) == 1


def test_without_events_there_is_no_run(importing: Importing) -> None:
    importing.logs.mkdir()
    (importing.logs / name_of()).touch()

    with pytest.raises(JournalCorrupt, match="no events of TensorBoard"):
        importing.run()


def test_event_files_are_found_below_a_folder_and_others_are_not(importing: Importing) -> None:
    path = write_event_file(importing.logs / "deep" / "train")
    (importing.logs / "model.pt").touch()

    assert find_event_files(importing.logs) == [path]
    assert find_event_files(path) == [path]
    assert find_event_files(importing.logs / "model.pt") == []
