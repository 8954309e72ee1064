"""Runs that more than one process, thread, or run beside it has to do with."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import kymograph
from kymograph.errors import UsageError
from kymograph.testing.recorded_run import RecordedRun
from kymograph.testing.recording_server import RecordingServer

Begin = Callable[..., RecordedRun]
SOURCE = Path(__file__).parents[3] / "src"


def child(script: str, *arguments: str, stdin: bytes = b"") -> str:
    """What a process of its own prints that knows only what it is given."""
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(SOURCE)!r})\n{script}", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout.decode()


def test_a_pickled_run_goes_on_in_another_process(kymograph_begin: Begin) -> None:
    recorded = kymograph_begin(config={"a": 1})
    recorded.run.log({"loss": 1.0})

    said = child(
        """
import pickle
import kymograph
run = pickle.load(sys.stdin.buffer)
run.log({"child": 2.0})
run.config.update({"b": 2})
run.summary["best"] = 3
print(run.id, run.config["a"], run.step, kymograph.run is run)
run.finish()
""",
        stdin=pickle.dumps(recorded.run),
    )
    recorded.run.log({"loss": 3.0})
    recorded.run.finish(quiet=True)

    assert said.split() == [recorded.run.id, "1", "2", "True"]
    assert recorded.values == [{"loss": 1.0}, {"loss": 3.0}, {"child": 2.0}]
    assert [row["_step"] for row in recorded.rows] == [0, 1, 1]
    assert [record.exit.exit_code for record in recorded.records() if record.HasField("exit")] == [0]
    assert len(recorded.folder.further_journals()) == 1


def test_a_ticket_says_nothing_secret(kymograph_begin: Begin) -> None:
    recorded = kymograph_begin(settings={"api_key": "c" * 40})

    import base64

    assert b"cccc" not in base64.urlsafe_b64decode(recorded.run._attach_id)


def test_a_run_is_attached_to_by_its_ticket(kymograph_begin: Begin) -> None:
    recorded = kymograph_begin()

    child("import kymograph\nrun = kymograph.attach(sys.argv[1])\nkymograph.log({'child': 1})", recorded.run._attach_id)

    assert recorded.values == [{"child": 1}]


def test_in_its_own_process_a_run_is_itself(kymograph_run: RecordedRun) -> None:
    run = kymograph_run.run

    assert pickle.loads(pickle.dumps(run)) is run
    assert copy.deepcopy(run) is run
    assert kymograph.attach(run._attach_id) is run
    assert kymograph.attach(run_id=run.id) is run
    assert kymograph.attach(run=run) is run


def test_what_cannot_be_attached_to_is_said(kymograph_begin: Begin) -> None:
    with pytest.raises(UsageError, match="needs the _attach_id"):
        kymograph.attach()
    with pytest.raises(UsageError, match="was not given the _attach_id"):
        kymograph.attach("abcdefgh")
    recorded = kymograph_begin()
    ticket = recorded.run._attach_id
    recorded.run.finish(quiet=True)
    recorded.folder.synced_mark.touch()
    with pytest.raises(UsageError, match="has ended"):
        kymograph.attach(ticket)


def test_a_disabled_run_is_pickled_as_well(kymograph_home: Path) -> None:
    run = kymograph.init(mode="disabled", config={"a": 1})

    said = child(
        "import pickle\nrun = pickle.load(sys.stdin.buffer)\nrun.log({'x': 1})\nprint(run.disabled, run.config['a'])",
        stdin=pickle.dumps(run),
    )

    assert said.split() == ["True", "1"]


def test_workers_that_are_spawned_write_one_run(
    kymograph_server: RecordingServer, kymograph_begin: Begin, tmp_path: Path
) -> None:
    recorded = kymograph_begin(mode="online", id="r1", settings={"finish_timeout": 30})
    recorded.run.log({"parent": 0})
    pickled = pickle.dumps(recorded.run)

    for number in range(2):
        child(
            "import pickle\nrun = pickle.load(sys.stdin.buffer)\nfor i in range(10): run.log({sys.argv[1]: i})",
            f"child{number}",
            stdin=pickled,
        )
    recorded.run.finish()

    rows = kymograph_server.run("r1").rows
    assert sorted(row["child0"] for row in rows if "child0" in row) == list(range(10))
    assert sorted(row["child1"] for row in rows if "child1" in row) == list(range(10))
    assert len({writer for writer, _ in kymograph_server.run("r1").lines}) == 3


SHARED = """
import kymograph
rank = int(sys.argv[1])
run = kymograph.init(
    id="shared", project="p", mode="shared", config={f"seed{rank}": rank}, dir=sys.argv[2],
    settings={"x_label": f"rank{rank}", "x_primary": rank == 0, "quiet": True, "x_disable_stats": True,
              "console": "off"},
)
run.write_logs("said")
for step in range(10):
    run.log({f"rank{rank}/loss": step})
run.finish()
print(run._link.refusal, run.sync_dir)
"""


def test_ranks_that_begin_by_themselves_write_one_run(kymograph_server: RecordingServer, tmp_path: Path) -> None:
    folders = [child(SHARED, rank, str(tmp_path)).split()[-1] for rank in ("1", "0", "1")]

    received = kymograph_server.run("shared")
    assert len(set(folders)) == 3
    assert [sum(f"rank{rank}/loss" in row for row in received.rows) for rank in (0, 1)] == [10, 20]
    assert received.config == {"seed0": 0, "seed1": 1}
    summaries = {lines[0].count("rank0/loss") for (_, name), lines in received.lines.items() if "summary" in name}
    assert summaries == {0, 1}
    assert received.exit_code == 0
    assert len({writer for writer, _ in received.lines}) == 3
    assert "" not in {writer for writer, _ in received.lines}


def test_a_rank_that_is_not_the_primary_does_not_end_the_run(kymograph_server: RecordingServer, tmp_path: Path) -> None:
    child(SHARED, "1", str(tmp_path))

    received = kymograph_server.run("shared")
    assert received.exit_code is None
    assert set(received.files) == {"output_rank1.log"}
    (console,) = (lines for (_, name), lines in received.lines.items() if name == "output.log")
    assert console[0].endswith(" [rank1] said")


def test_init_gives_the_run_that_there_is(kymograph_begin: Begin) -> None:
    first = kymograph_begin().run

    assert kymograph_begin().run is first
    assert kymograph_begin(reinit=False).run is first
    assert kymograph_begin(reinit="return_previous").run is first


@pytest.mark.parametrize("reinit", [True, "finish_previous"])
def test_init_can_end_the_run_that_there_is(kymograph_begin: Begin, reinit: bool | str) -> None:
    first, beside = kymograph_begin(), kymograph_begin(reinit="create_new")

    second = kymograph_begin(reinit=reinit)

    assert kymograph.run is second.run is not first.run
    assert (first.exit_code, beside.exit_code) == (0, 0)


def test_a_run_can_be_begun_beside_another(kymograph_begin: Begin) -> None:
    first = kymograph_begin()
    second = kymograph_begin(reinit="create_new")

    kymograph.log({"first": 1})
    second.run.log({"second": 2})

    assert kymograph.run is first.run
    assert (first.values, second.values) == ([{"first": 1}], [{"second": 2}])
    first.run.finish(quiet=True)
    assert kymograph.run is None
    second.run.log({"second": 3})
    assert [row["_step"] for row in second.rows] == [0, 1]


def test_an_unknown_way_to_begin_is_named(kymograph_home: Path) -> None:
    with pytest.raises(UsageError, match="reinit"):
        kymograph.init(mode="offline", reinit="sometimes")


def test_threads_write_one_run_and_lose_nothing(kymograph_run: RecordedRun) -> None:
    def work(name: str) -> None:
        for number in range(200):
            kymograph.log({name: number})

    threads = [threading.Thread(target=work, args=(f"thread{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(row["_step"] for row in kymograph_run.rows) == list(range(800))
    for number in range(4):
        values = [row[f"thread{number}"] for row in kymograph_run.rows if f"thread{number}" in row]
        assert values == list(range(200))
