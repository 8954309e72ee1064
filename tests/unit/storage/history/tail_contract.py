"""What every tail does. Subclass it; it uses the fixture `database`."""

from __future__ import annotations

import threading

import pytest

from kymograph.core.history import (
    LineBatch,
    Stream,
    StreamExtent,
)
from kymograph.storage.base import Database
from kymograph.types import WriterId
from tests.unit.storage.history.streams import (
    OTHER,
    RUN,
    A,
    B,
    append,
    console,
    extents,
    history,
    read_lines,
    texts,
)


class TailContract:
    """Lines as received."""

    def test_lines_come_back_as_they_were_sent(self, database: Database) -> None:
        lines = ['{"a":1}', "", "  not json", '{"a": NaN}', "ünïcødé ✓ \u2028 \x00 \r \t", "\\n", '{"b":"x\ny"}']
        append(database, history(0, *lines))

        assert read_lines(database) == list(enumerate(lines))

    def test_a_writer_is_known_once_it_has_joined_or_written(self, database: Database) -> None:
        append(database, history(0, "a"), history(0, "b", writer="wrote"))

        def join(writer: str) -> bool:
            return database.write(lambda tx: tx.tail.join(RUN, WriterId(writer)))

        assert [join("joins"), join("joins"), join("wrote")] == [True, False, False]
        assert database.read(lambda tx: tx.tail.has_writer(RUN, WriterId("joins")))
        assert not database.read(lambda tx: tx.tail.has_writer(RUN, WriterId("stranger")))
        assert database.read(lambda tx: tx.tail.line_count(RUN, Stream.HISTORY)) == 2
        append(database, history(7, "c", writer="joins"))
        assert database.read(lambda tx: tx.tail.line_count(RUN, Stream.HISTORY)) == 3

    def test_lone_surrogates_become_replacement_characters(self, database: Database) -> None:
        append(database, history(0, "a\ud800b"))

        ((_, line),) = read_lines(database)
        assert line[0] == "a"
        assert line[-1] == "b"
        assert "\ufffd" in line

    def test_lines_with_and_without_line_ends_inside_may_follow_one_another(self, database: Database) -> None:
        append(database, history(0, "a"))
        append(database, history(1, "b\nc"))
        append(database, history(2, "d"))

        assert read_lines(database) == [(0, "a"), (1, "b\nc"), (2, "d")]

    def test_a_batch_sent_twice_is_there_once(self, database: Database) -> None:
        append(database, history(0, "a", "b"))
        before = extents(database)
        append(database, history(0, "a", "b"))

        assert read_lines(database) == [(0, "a"), (1, "b")]
        assert extents(database) == before

    def test_a_retry_of_several_batches_as_one_changes_nothing(self, database: Database) -> None:
        append(database, history(0, "a", "b"), history(2, "c"))
        before = extents(database)
        versions = database.read(lambda tx: tx.tail.versions([RUN], Stream.HISTORY))
        append(database, history(0, "a", "b", "c"))
        append(database, history(1, "b"))

        assert extents(database) == before
        assert database.read(lambda tx: tx.tail.versions([RUN], Stream.HISTORY)) == versions

    def test_appending_tells_how_many_lines_are_new(self, database: Database) -> None:
        def grown(*batches: LineBatch) -> dict[Stream, int]:
            return {
                stream: count
                for stream, count in database.write(lambda tx: tx.tail.append(RUN, batches)).items()
                if count
            }

        assert grown(history(0, "a", "b"), console(5, "x")) == {Stream.HISTORY: 2, Stream.CONSOLE: 6}
        assert grown(history(0, "a", "b")) == {}
        assert grown(history(0, "A"), console(0, "y")) == {}
        assert grown(history(1, "b", "c"), history(0, "a", writer="w"), console(0, "z", part="2")) == {
            Stream.HISTORY: 2,
            Stream.CONSOLE: 1,
        }
        lines = database.read(lambda tx: tx.tail.line_count(RUN, Stream.HISTORY))
        assert lines == 4

    def test_the_later_batch_wins_line_by_line(self, database: Database) -> None:
        append(database, history(0, "a", "b", "c", "d"))
        append(database, history(1, "B", "C"))

        assert read_lines(database) == [(0, "a"), (1, "B"), (2, "C"), (3, "d")]

    def test_an_earlier_text_sent_again_wins_again(self, database: Database) -> None:
        append(database, history(0, "a", "b"))
        append(database, history(1, "x"))
        append(database, history(0, "a", "b"))

        assert read_lines(database) == [(0, "a"), (1, "b")]

    def test_a_batch_may_overlap_the_end(self, database: Database) -> None:
        append(database, history(0, "a", "b"))
        append(database, history(1, "B", "c"))
        append(database, history(3, "d"))

        assert read_lines(database) == [(0, "a"), (1, "B"), (2, "c"), (3, "d")]
        assert extents(database)[0].line_count == 4

    def test_appending_after_a_rewrite_does_not_bring_back_what_was_rewritten(self, database: Database) -> None:
        append(database, console(0, "a", "b"))
        append(database, console(0, "A"))
        append(database, console(2, "c"))
        append(database, console(3, "d"))

        assert read_lines(database, Stream.CONSOLE) == [(0, "A"), (1, "b"), (2, "c"), (3, "d")]

    def test_gaps_are_left_out_and_can_be_filled(self, database: Database) -> None:
        append(database, console(0, "a"))
        append(database, console(5, "f"))

        assert read_lines(database, Stream.CONSOLE) == [(0, "a"), (5, "f")]
        assert extents(database)[0].line_count == 6

        append(database, console(2, "c"))
        assert read_lines(database, Stream.CONSOLE) == [(0, "a"), (2, "c"), (5, "f")]

    def test_many_rewrites_of_one_line_leave_few_chunks(self, database: Database) -> None:
        for percent in range(50):
            append(database, history(0, f"{percent} %"))

        assert read_lines(database) == [(0, "49 %")]
        assert len(database.read(lambda tx: tx.tail.chunks(RUN, Stream.HISTORY))) == 1

    def test_single_lines_share_chunks(self, database: Database) -> None:
        for number in range(50):
            append(database, history(number, f'{{"_step":{number}}}'))

        assert len(database.read(lambda tx: tx.tail.chunks(RUN, Stream.HISTORY))) == 1
        assert len(read_lines(database)) == 50

    def test_a_large_chunk_does_not_grow(self, database: Database) -> None:
        large = "x" * 100_000
        append(database, history(0, large))
        append(database, history(1, "small"))

        assert read_lines(database) == [(0, large), (1, "small")]
        assert len(database.read(lambda tx: tx.tail.chunks(RUN, Stream.HISTORY))) == 2

    def test_a_line_of_ten_megabytes_is_kept(self, database: Database) -> None:
        line = '{"text":"' + "é" * 5_000_000 + '"}'
        append(database, history(0, line))

        assert read_lines(database) == [(0, line)]

    def test_an_empty_batch_leaves_no_trace(self, database: Database) -> None:
        append(database, history(3))

        assert extents(database) == []

    def test_extents_tell_streams_writers_and_parts_apart(self, database: Database) -> None:
        append(database, history(0, "ab", "cd", writer="w"), console(0, "x"), console(2, "yé", part="logs/1.log"))

        assert extents(database) == [
            StreamExtent(Stream.CONSOLE, WriterId(""), "", 1, 2),
            StreamExtent(Stream.CONSOLE, WriterId(""), "logs/1.log", 3, 4),
            StreamExtent(Stream.HISTORY, WriterId("w"), "", 2, 6, 0),
        ]

    def test_a_writer_that_joins_later_counts_from_where_it_begins(self, database: Database) -> None:
        append(database, history(0, "a", "b", writer="first"))

        grown = append(database, history(2, "c", writer="second"))

        assert grown == {Stream.HISTORY: 1}
        assert database.read(lambda tx: tx.tail.line_count(RUN, Stream.HISTORY)) == 3
        assert extents(database)[-1].n_lines == 1

    def test_a_sole_writer_counts_from_zero(self, database: Database) -> None:
        assert append(database, history(2, "c")) == {Stream.HISTORY: 3}

    def test_extents_only_grow(self, database: Database) -> None:
        append(database, history(0, "a", "b", "c"))
        append(database, history(0, "a longer line"))

        assert extents(database) == [StreamExtent(Stream.HISTORY, WriterId(""), "", 3, 6)]

    def test_line_count_is_over_all_writers(self, database: Database) -> None:
        append(database, history(0, "a", "b", writer="a"), history(0, "c", writer="b"), console(0, "x"))

        assert database.read(lambda tx: tx.tail.line_count(RUN, Stream.HISTORY)) == 3
        assert database.read(lambda tx: tx.tail.line_count(RUN, Stream.SYSTEM)) == 0

    def test_writers_have_their_own_numbers(self, database: Database) -> None:
        append(database, history(0, "b0", "b1", writer="b"), history(0, "a0", "a1", writer="a"))

        found = database.read(lambda tx: tx.tail.lines(RUN, Stream.HISTORY))
        assert [(line.number, line.writer, line.text) for line in found] == [
            (0, "a", "a0"),
            (0, "b", "b0"),
            (1, "a", "a1"),
            (1, "b", "b1"),
        ]
        only_b = database.read(lambda tx: tx.tail.lines(RUN, Stream.HISTORY, writer=B))
        assert texts(only_b) == [(0, "b0"), (1, "b1")]

    def test_parts_of_a_console_are_numbered_on(self, database: Database) -> None:
        append(
            database,
            console(0, "c", "d", part="logs/2.log"),
            console(0, "a", "b", part="logs/1.log"),
            console(3, "g", part="logs/2.log"),
        )

        assert read_lines(database, Stream.CONSOLE) == [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (5, "g")]
        assert read_lines(database, Stream.CONSOLE, first=1, limit=3) == [(1, "b"), (2, "c"), (3, "d")]
        assert read_lines(database, Stream.CONSOLE, first=4) == [(5, "g")]

    def test_last_lines_cross_parts(self, database: Database) -> None:
        append(database, console(0, "a", "b", part="logs/1.log"), console(0, "c", "d", part="logs/2.log"))

        for count, expected in ((0, ""), (1, "d"), (3, "bcd"), (9, "abcd")):
            found = database.read(lambda tx, count=count: tx.tail.last_lines(RUN, Stream.CONSOLE, count))  # type: ignore[misc]
            assert "".join(line.text for line in found) == expected

    def test_a_page_of_lines_is_what_its_place_says(self, database: Database) -> None:
        for number in range(0, 1000, 10):
            append(database, console(number, *(str(line) * 400 for line in range(number, number + 10))))
        append(database, console(500, "rewritten"))

        found = read_lines(database, Stream.CONSOLE, first=495, limit=10)
        assert [number for number, _ in found] == list(range(495, 505))
        assert found[5] == (500, "rewritten")
        assert found[6] == (501, "501" * 400)

    def test_picked_lines_come_by_number(self, database: Database) -> None:
        append(
            database, history(0, "a", "b", "c", writer="a"), history(1, "B", writer="a"), history(0, "x", writer="b")
        )

        found = database.read(lambda tx: tx.tail.pick_lines(RUN, Stream.HISTORY, {A: [1, 2, 7], B: [0]}))
        assert {writer: dict(lines) for writer, lines in found.items()} == {A: {1: "B", 2: "c"}, B: {0: "x"}}

    def test_runs_are_apart(self, database: Database) -> None:
        append(database, history(0, "a"), run=RUN)
        append(database, history(0, "b"), run=OTHER)
        database.write(lambda tx: tx.tail.delete(RUN))

        assert read_lines(database, run=RUN) == []
        assert extents(database, RUN) == []
        assert read_lines(database, run=OTHER) == [(0, "b")]

    def test_a_failed_job_leaves_no_lines(self, database: Database) -> None:
        def job(tx: object) -> None:
            tx.tail.append(RUN, [history(0, "a")])  # type: ignore[attr-defined]
            raise LookupError

        with pytest.raises(LookupError):
            database.write(job)

        assert read_lines(database) == []

    # --- rewind ------------------------------------------------------------------------------------------------------

    def test_rewinding_drops_later_steps(self, database: Database) -> None:
        append(database, history(0, *(f'{{"_step":{step}}}' for step in range(10))))

        count = database.write(lambda tx: tx.tail.truncate(RUN, after_step=3))
        assert count == 4
        assert [number for number, _ in read_lines(database)] == [0, 1, 2, 3]
        assert extents(database) == [StreamExtent(Stream.HISTORY, WriterId(""), "", 4, 4 * 12)]

    def test_rewinding_keeps_numbers_of_steps_out_of_order(self, database: Database) -> None:
        append(database, history(0, '{"_step":0}', '{"_step":9}', '{"_step":1}', "broken", '{"x":1}'))

        assert database.write(lambda tx: tx.tail.truncate(RUN, after_step=3)) == 4
        assert read_lines(database) == [(0, '{"_step":0}'), (2, '{"_step":1}'), (3, "broken")]

    def test_rewinding_does_not_bring_back_what_was_overwritten(self, database: Database) -> None:
        append(database, history(0, '{"_step":0}', '{"_step":1,"old":1}'))
        append(database, history(1, '{"_step":9}'))

        database.write(lambda tx: tx.tail.truncate(RUN, after_step=3))
        assert read_lines(database) == [(0, '{"_step":0}')]

    def test_lines_can_be_sent_anew_after_a_rewind(self, database: Database) -> None:
        append(database, history(0, *(f'{{"_step":{step}}}' for step in range(4))))
        database.write(lambda tx: tx.tail.truncate(RUN, after_step=1))
        append(database, history(2, '{"_step":2,"new":1}'))

        assert read_lines(database)[1:] == [(1, '{"_step":1}'), (2, '{"_step":2,"new":1}')]
        assert extents(database)[0].line_count == 3

    def test_rewinding_past_the_end_changes_nothing(self, database: Database) -> None:
        append(database, history(0, '{"_step":0}'))
        versions = database.read(lambda tx: tx.tail.versions([RUN], Stream.HISTORY))

        assert database.write(lambda tx: tx.tail.truncate(RUN, after_step=0)) == 1
        assert database.read(lambda tx: tx.tail.versions([RUN], Stream.HISTORY)) == versions

    def test_rewinding_everything_leaves_an_empty_stream(self, database: Database) -> None:
        append(database, history(0, '{"_step":0}'))

        assert database.write(lambda tx: tx.tail.truncate(RUN, after_step=-1)) == 0
        assert read_lines(database) == []

    def test_versions_tell_growth_from_rewinds(self, database: Database) -> None:
        append(database, history(0, '{"_step":0}', '{"_step":1}'))
        first = database.read(lambda tx: tx.tail.versions([RUN, OTHER], Stream.HISTORY))
        append(database, history(2, '{"_step":2}'))
        second = database.read(lambda tx: tx.tail.versions([RUN], Stream.HISTORY))
        database.write(lambda tx: tx.tail.truncate(RUN, after_step=1))
        third = database.read(lambda tx: tx.tail.versions([RUN], Stream.HISTORY))

        writer = WriterId("")
        assert set(first) == {RUN}
        assert first[RUN][writer].generation == second[RUN][writer].generation != third[RUN][writer].generation
        assert first[RUN][writer].version < second[RUN][writer].version < third[RUN][writer].version

    def test_writers_at_the_same_time_lose_nothing(self, database: Database) -> None:
        errors: list[BaseException] = []

        def work(writer: str) -> None:
            try:
                for number in range(20):
                    append(database, history(number, f"{writer}{number}", writer=writer))
            except BaseException as exc:  # told to the test below
                errors.append(exc)

        threads = [threading.Thread(target=work, args=(writer,)) for writer in ("a", "a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert errors == []
        assert read_lines(database) == [(number, f"{writer}{number}") for number in range(20) for writer in "ab"]
