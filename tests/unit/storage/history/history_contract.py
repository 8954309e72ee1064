"""What every history reader does. Subclass it; it uses the fixtures `database` and `reader`."""

from __future__ import annotations

import math
import threading
from typing import Any

from kymograph.core.history import (
    BucketQuery,
    HistoryPart,
    KeyMode,
    LineBatch,
    Mark,
    MetricInfo,
    MetricKind,
    RowQuery,
    SeriesSource,
    Stream,
    ValuePlace,
    XAxis,
)
from kymograph.storage.base import Database
from kymograph.storage.history.base import HistoryReader
from kymograph.types import MetricName
from tests.unit.columns import as_lists
from tests.unit.storage.history.streams import METRIC, OLD, OTHER, RUN, STARTED, A, append, forget, history, rewind


class HistoryContract:
    """Queries. The fixture `reader` reads what `database` was given."""

    # --- rows --------------------------------------------------------------------------------------------------------

    def rows(self, reader: HistoryReader, **query: object) -> list[tuple[int, dict[str, object]]]:
        page = reader.rows([HistoryPart(RUN)], RowQuery(**query))  # type: ignore[arg-type]
        return [(row.step, dict(row.values)) for row in page.rows]

    def test_rows_come_by_step_whatever_their_order(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":5,"a":1}', '{"_step":-2,"a":2}', '{"_step":3,"a":3}'))

        assert [(step, row["a"]) for step, row in self.rows(reader)] == [(-2, 2), (3, 3), (5, 1)]

    def test_rows_of_one_step_merge_and_the_later_line_wins(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":1,"a":1,"b":1}', '{"_step":0,"a":0}', '{"_step":1,"b":2,"c":3}'))

        assert self.rows(reader)[1] == (1, {"_step": 1, "a": 1, "b": 2, "c": 3})

    def test_the_line_number_decides_and_not_the_time_of_arrival(
        self, database: Database, reader: HistoryReader
    ) -> None:
        append(database, history(1, '{"_step":0,"a":"second"}'))
        append(database, history(0, '{"_step":0,"a":"first"}'))

        assert self.rows(reader) == [(0, {"_step": 0, "a": "second"})]

    def test_of_two_writers_the_later_name_wins_at_the_same_number(
        self, database: Database, reader: HistoryReader
    ) -> None:
        append(database, history(0, '{"_step":0,"a":"b"}', writer="b"))
        append(database, history(0, '{"_step":0,"a":"a"}', writer="a"))

        assert self.rows(reader) == [(0, {"_step": 0, "a": "b"})]

    def test_a_nested_value_is_replaced_whole(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":0,"a":{"b":1,"c":1}}', '{"_step":0,"a":{"c":2}}'))

        assert self.rows(reader) == [(0, {"_step": 0, "a": {"c": 2}})]
        assert [info.name for info in reader.catalogue([HistoryPart(RUN)]).metrics] == ["_step", "a.c"]

    def test_a_line_without_a_step_has_its_number(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1}', '{"_step":7,"a":2}', '{"a":3}', '{"_step":"x","a":4}', '{"_step":true}'))

        assert [step for step, _ in self.rows(reader)] == [0, 2, 3, 4, 7]
        assert self.rows(reader)[0][1] == {"a": 1, "_step": 0}

    def test_values_come_exactly_as_logged(self, database: Database, reader: HistoryReader) -> None:
        append(
            database,
            history(
                0,
                '{"_step":0,"big":9223372036854775808,"huge":123456789012345678901234567890,"nan":NaN,"inf":-Infinity,'
                '"zero":-0.0,"float":1.0,"int":1,"bool":true,"null":null,"__proto__":{"x":[1,{"y":2}]},"":"empty"}',
            ),
        )

        ((_, row),) = self.rows(reader)
        assert row["big"] == 2**63
        assert row["huge"] == 123456789012345678901234567890
        assert math.isnan(row["nan"])  # type: ignore[arg-type]
        assert row["inf"] == -math.inf
        assert math.copysign(1, row["zero"]) == -1  # type: ignore[arg-type]
        assert isinstance(row["float"], float)
        assert isinstance(row["int"], int)
        assert row["bool"] is True
        assert row["null"] is None
        assert row["__proto__"] == {"x": [1, {"y": 2}]}
        assert row[""] == "empty"

    def test_unreadable_lines_are_skipped_and_counted(self, database: Database, reader: HistoryReader) -> None:
        append(
            database, history(0, '{"_step":0}', "{broken", "[1]", "", '{"_step":1}', "1,2", '{"_step":2},{"_step":3}')
        )

        assert [step for step, _ in self.rows(reader)] == [0, 1]
        assert reader.unreadable_lines([HistoryPart(RUN)]) == 5
        assert reader.unreadable_lines([HistoryPart(RUN, last_step=2)]) == 2

    def test_step_range_has_an_inclusive_and_an_exclusive_end(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step}}}' for step in range(10))))

        assert [step for step, _ in self.rows(reader, min_step=3, max_step=6)] == [3, 4, 5]
        assert self.rows(reader, min_step=6, max_step=3) == []

    def test_pages_follow_one_another(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step * 10}}}' for step in range(5))))

        first = reader.rows([HistoryPart(RUN)], RowQuery(limit=3))
        second = reader.rows([HistoryPart(RUN)], RowQuery(limit=3, min_step=first.next_step))
        assert ([row.step for row in first.rows], first.next_step, first.total) == ([0, 10, 20], 30, 5)
        assert ([row.step for row in second.rows], second.next_step, second.total) == ([30, 40], None, 2)

    def test_keys_leave_only_rows_that_have_all_of_them(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1,"b":1}', '{"a":2}', '{"b":3}', '{"a":4,"b":4,"c":4}'))
        keys = (MetricName("a"), MetricName("b"))

        assert self.rows(reader, keys=keys) == [(0, {"a": 1, "b": 1, "_step": 0}), (3, {"a": 4, "b": 4, "_step": 3})]
        assert [step for step, _ in self.rows(reader, keys=keys, mode=KeyMode.ANY)] == [0, 1, 2, 3]
        assert self.rows(reader, keys=(MetricName("none"),)) == []

    def test_keys_may_be_in_different_lines_of_a_step(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":0,"a":1}', '{"_step":0,"b":2}'))

        assert self.rows(reader, keys=(MetricName("a"), MetricName("b"))) == [(0, {"a": 1, "b": 2, "_step": 0})]

    def test_dotted_keys_address_nested_values(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":{"b":{"c":1},"d":2}}', '{"a.b.c":3}', '{"a":{"b.c":4}}', '{"a":{"d":5}}'))

        assert self.rows(reader, keys=(MetricName("a.b.c"),)) == [
            (0, {"a": {"b": {"c": 1}}, "_step": 0}),
            (1, {"a.b.c": 3, "_step": 1}),
            (2, {"a": {"b.c": 4}, "_step": 2}),
        ]
        assert self.rows(reader, keys=(MetricName("a.b"),)) == []
        assert [step for step, _ in self.rows(reader, keys=(MetricName("a"),))] == [0, 2, 3]

    def test_samples_are_even_and_include_both_ends(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step}}}' for step in range(101))))

        assert [step for step, _ in self.rows(reader, samples=5)] == [0, 25, 50, 75, 100]
        assert [step for step, _ in self.rows(reader, samples=1)] == [0]
        assert len(self.rows(reader, samples=500)) == 101
        assert reader.rows([HistoryPart(RUN)], RowQuery(samples=5)).total == 101

    def test_a_run_without_lines_has_no_rows(self, database: Database, reader: HistoryReader) -> None:
        assert self.rows(reader) == []
        assert reader.catalogue([HistoryPart(RUN)]).metrics == []
        assert reader.last_step([HistoryPart(RUN)]) is None
        assert reader.buckets(self.query("a")).series == []

    # --- what is new -------------------------------------------------------------------------------------------------

    def test_queries_see_what_was_acknowledged_before_them(self, database: Database, reader: HistoryReader) -> None:
        for number in range(30):
            append(database, history(number, f'{{"_step":{number},"a":{number}}}'))

            assert reader.last_step([HistoryPart(RUN)]) == number
            assert self.series(reader, "a").mean == [float(value) for value in range(number + 1)]

    def test_queries_see_rewritten_lines(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1}', '{"a":2}', '{"a":3}'))
        assert self.series(reader, "a").mean == [1, 2, 3]

        append(database, history(1, '{"a":20}'))
        assert self.series(reader, "a").mean == [1, 20, 3]

    def test_queries_see_filled_gaps(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(2, '{"a":3}'))
        assert self.series(reader, "a").mean == [3]

        append(database, history(0, '{"a":1}', '{"a":2}'))
        assert self.series(reader, "a").mean == [1, 2, 3]

    def test_queries_see_rewinds(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step},"a":{step}}}' for step in range(4))))
        assert self.series(reader, "a").points == 4

        rewind(database, reader, after_step=1)
        append(database, history(2, '{"_step":2,"a":7}'))
        assert self.series(reader, "a").mean == [0, 1, 7]

    def test_queries_see_that_a_run_was_deleted(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1}'))
        assert reader.last_step([HistoryPart(RUN)]) == 0

        forget(database)
        assert reader.last_step([HistoryPart(RUN)]) is None

        append(database, history(0, '{"b":1}'))
        assert [info.name for info in reader.catalogue([HistoryPart(RUN)]).metrics] == ["b"]

    def test_many_threads_may_query_while_lines_arrive(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":0}'))
        errors: list[BaseException] = []
        is_done = threading.Event()

        def query() -> None:
            try:
                while not is_done.is_set():
                    series = self.series(reader, "a")
                    assert series.mean == [float(value) for value in range(series.points)]
                    assert len(self.rows(reader)) > 0
            except BaseException as exc:  # told to the test below
                errors.append(exc)

        threads = [threading.Thread(target=query) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, 40):
            append(database, history(number, f'{{"a":{number}}}'))
        is_done.set()
        for thread in threads:
            thread.join()

        assert errors == []
        assert self.series(reader, "a").points == 40

    # --- the catalogue -----------------------------------------------------------------------------------------------

    def catalogue(self, reader: HistoryReader) -> dict[str, MetricInfo]:
        return {info.name: info for info in reader.catalogue([HistoryPart(RUN)]).metrics}

    def test_metrics_come_in_order_of_first_appearance(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"z":1}', '{"m":1}', '{"a":1,"z":2}'))

        assert list(self.catalogue(reader)) == ["z", "m", "a"]

    def test_last_values_can_be_spared(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"z":1}', '{"z":2,"m":"text"}'))

        found = reader.catalogue([HistoryPart(RUN)], with_last=False).metrics

        assert [(info.name, info.points, info.last) for info in found] == [("z", 2, None), ("m", 1, None)]

    def test_kinds_are_those_of_the_newest_value(self, database: Database, reader: HistoryReader) -> None:
        append(
            database,
            history(
                0,
                '{"a":"text","n":1}',
                '{"a":1,"n":2.5,"img":{"_type":"image-file","path":"x"},"t":{"_type":"table-file"},"u":{"_type":"new"},'
                '"s":"x","b":false,"l":[1],"d":{},"z":null,"h":{"_type":"histogram","values":[1]}}',
            ),
        )

        found = self.catalogue(reader)
        assert {name: info.kind for name, info in found.items()} == {
            "a": MetricKind.NUMBER,
            "n": MetricKind.NUMBER,
            "img": MetricKind.IMAGE,
            "t": MetricKind.TABLE,
            "u": MetricKind.MEDIA,
            "s": MetricKind.TEXT,
            "b": MetricKind.BOOLEAN,
            "l": MetricKind.JSON,
            "d": MetricKind.JSON,
            "z": MetricKind.NULL,
            "h": MetricKind.HISTOGRAM,
        }
        assert dict(found["a"].type_counts) == {"number": 1, "string": 1}
        assert dict(found["n"].type_counts) == {"number": 2}

    def test_last_values_are_exact(self, database: Database, reader: HistoryReader) -> None:
        append(
            database,
            history(
                0,
                '{"_step":9,"i":9007199254740993,"h":36893488147419103232,"t":"last","m":{"_type":"image-file","p":1},'
                '"n":{"x":[1,2]},"f":1.0,"k":3,"b":true,"nan":NaN}',
                '{"_step":1,"i":1,"h":1,"t":"first","m":1,"n":{"x":1},"f":0.5,"k":1,"b":false,"nan":1}',
            ),
        )

        found = self.catalogue(reader)
        assert found["i"].last == 9007199254740993
        assert found["h"].last == 2**65
        assert found["t"].last == "last"
        assert found["m"].last == {"_type": "image-file", "p": 1}
        assert found["n.x"].last == [1, 2]
        assert isinstance(found["f"].last, float)
        assert isinstance(found["k"].last, int)
        assert found["b"].last is True
        assert math.isnan(found["nan"].last)  # type: ignore[arg-type]
        assert {info.last_step for info in found.values()} == {9}

    def test_last_values_are_those_of_the_merged_row(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":0,"a.x":"literal","a":{"x":"nested"}}', '{"_step":0,"a":{"y":1}}'))

        assert self.catalogue(reader)["a.x"].last == "literal"

    def test_a_nested_value_counts_before_a_literal_one_of_a_later_line(
        self, database: Database, reader: HistoryReader
    ) -> None:
        append(database, history(0, '{"_step":0,"a":{"x":1}}', '{"_step":0,"a.x":"literal"}'))

        assert self.catalogue(reader)["a.x"].kind is MetricKind.NUMBER
        assert self.series(reader, "a.x").mean == [1]

    def test_counts_are_of_merged_rows(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":0,"a":NaN}', '{"_step":0,"a":1}', '{"_step":1,"a":-Infinity}'))

        info = self.catalogue(reader)["a"]
        assert (info.points, info.non_finite) == (2, 1)

    def test_monotonic_is_never_falling_with_the_step(self, database: Database, reader: HistoryReader) -> None:
        append(
            database,
            history(0, '{"_step":2,"up":2,"down":1,"flat":1,"t":"b"}', '{"_step":1,"up":1,"down":2,"flat":1,"t":"a"}'),
        )

        found = self.catalogue(reader)
        assert {name: info.is_monotonic for name, info in found.items()} == {
            "_step": True,
            "up": True,
            "down": False,
            "flat": True,
            "t": False,
        }

    def test_a_row_of_very_many_keys_is_nothing_special(self, database: Database, reader: HistoryReader) -> None:
        keys = 20_000
        append(database, history(0, "{" + ",".join(f'"k{key}":{key}' for key in range(keys)) + "}"))

        found = self.catalogue(reader)
        assert len(found) == keys
        assert found["k777"].last == 777

    def test_a_very_deep_row_harms_nobody(self, database: Database, reader: HistoryReader) -> None:
        deep = '{"a":' * 900 + "1" + "}" * 900
        append(database, history(0, deep, '{"b":1}', '{"a":' * 100_000, '{"c":1}'))

        assert reader.last_step([HistoryPart(RUN)]) == 3
        assert {"b", "c"} <= set(self.catalogue(reader))

    # --- buckets -----------------------------------------------------------------------------------------------------

    def query(self, *metrics: str, **options: object) -> BucketQuery:
        source = SeriesSource((HistoryPart(RUN),), STARTED)
        return BucketQuery((source,), tuple(MetricName(name) for name in metrics), **options)  # type: ignore[arg-type]

    def series(self, reader: HistoryReader, metric: str, **options: object) -> Any:
        (series,) = reader.buckets(self.query(metric, **options)).series
        return as_lists(series)

    def test_few_points_come_as_they_are(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":1,"a":2}', '{"_step":5,"a":-1.5}', '{"_step":9,"b":1}'))

        answer = reader.buckets(self.query("a"))
        assert (answer.x_min, answer.x_max, answer.width) == (1, 5, 1000)
        (series,) = map(as_lists, answer.series)
        assert series.is_exact
        assert (series.x, series.mean, series.count, series.last) == ([1, 5], [2, -1.5], [1, 1], -1.5)

    def test_many_points_share_buckets(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step},"a":{step}}}' for step in range(10))))

        series = self.series(reader, "a", width=3)
        assert not series.is_exact
        assert series.points == 10
        assert series.x == [1.5, 4.5, 7.5]
        assert series.count == [3, 3, 4]
        assert series.min == [0, 3, 6]
        assert series.max == [2, 5, 9]
        assert series.mean == [1, 4, 7.5]
        assert series.last == 9

    def test_buckets_are_shared_by_all_series(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step},"a":1}}' for step in range(10))))
        append(database, history(0, *(f'{{"_step":{step},"a":2}}' for step in range(10, 20))), run=OTHER)
        sources = tuple(SeriesSource((HistoryPart(run),), STARTED) for run in (RUN, OTHER))

        answer = reader.buckets(BucketQuery(sources, (MetricName("a"),), width=4))
        assert (answer.x_min, answer.x_max) == (0, 19)
        assert [(series.run, series.x.tolist()) for series in answer.series] == [
            (RUN, [2.375, 7.125]),
            (OTHER, [11.875, 16.625]),
        ]

    def test_a_spike_is_never_hidden(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"a":{61.7 if number == 777 else 1}}}' for number in range(2000))))

        assert max(value for value in self.series(reader, "a", width=10).max if value is not None) == 61.7

    def test_non_finite_points_become_marks(self, database: Database, reader: HistoryReader) -> None:
        values = ["1", "NaN", "NaN", "Infinity", "2", "-Infinity", "NaN"]
        append(database, history(0, *(f'{{"a":{value}}}' for value in values)))

        series = self.series(reader, "a")
        assert series.mean == [1, None, None, None, 2, None, None]
        assert series.count == [1, 0, 0, 0, 1, 0, 0]
        assert series.nan == (Mark(1, 2, 2), Mark(6, 6, 1))
        assert series.pos_inf == (Mark(3, 3, 1),)
        assert series.neg_inf == (Mark(5, 5, 1),)
        assert isinstance(series.last, float)
        assert math.isnan(series.last)

    def test_marks_are_no_more_than_buckets(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"a":{"NaN" if number % 2 else number}}}' for number in range(1000))))

        series = self.series(reader, "a", width=10)
        assert sum(mark.count for mark in series.nan) == 500
        assert len(series.nan) <= 10
        assert series.count == [50] * 10

    def test_a_run_that_turned_nan_has_one_mark(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"a":{"NaN" if number > 500 else number}}}' for number in range(1000))))

        series = self.series(reader, "a", width=10)
        assert series.nan == (Mark(501, 999, 499),)
        assert series.mean[-1] is None

    def test_means_of_huge_values_do_not_overflow(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *('{"a":1.7e308}' for _ in range(100))))

        assert self.series(reader, "a", width=5).mean == [1.7e308] * 5

    def test_zooming_takes_points_in_the_range_only(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"a":{number}}}' for number in range(100))))

        answer = reader.buckets(self.query("a", x_min=10.0, x_max=20.0))
        assert (answer.x_min, answer.x_max) == (10, 20)
        assert answer.series[0].x.tolist() == [float(number) for number in range(10, 21)]
        assert answer.series[0].last == 20
        nothing = self.series(reader, "a", x_min=200.0, x_max=300.0)
        assert (nothing.points, nothing.x, nothing.last) == (0, [], None)

    def test_sources_without_numbers_are_left_out(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":"text","b":1}'))

        assert [series.metric for series in reader.buckets(self.query("a", "b", "c")).series] == ["b"]

    def test_booleans_are_drawn_and_texts_are_not(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":true}', '{"a":"x"}', '{"a":false}', '{"a":2}', '{"a":true}'))

        series = self.series(reader, "a")
        assert (series.x, series.mean, series.last) == ([0, 2, 3, 4], [1, 0, 2, 1], True)

    def test_last_is_exact_beyond_doubles(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1}', '{"a":9007199254740993}'))

        assert self.series(reader, "a").last == 9007199254740993

    def test_time_axis_takes_timestamps(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1,"_timestamp":1000.5}', '{"a":2}', '{"a":3,"_timestamp":999}'))

        series = self.series(reader, "a", x=XAxis.TIME)
        assert (series.x, series.mean, series.last) == ([999, 1000.5], [3, 1], 1)

    def test_relative_axis_takes_runtimes_or_times_since_the_start(
        self, database: Database, reader: HistoryReader
    ) -> None:
        started = STARTED.timestamp()
        append(
            database,
            history(0, '{"a":1,"_runtime":2.5}', f'{{"a":2,"_timestamp":{started + 7}}}', '{"a":3}'),
        )

        series = self.series(reader, "a", x=XAxis.RELATIVE)
        assert (series.x, series.mean) == ([2.5, 7], [1, 2])

    def test_metric_axis_takes_rows_that_have_both(self, database: Database, reader: HistoryReader) -> None:
        append(
            database,
            history(0, '{"a":1,"epoch":3}', '{"a":2,"epoch":1}', '{"a":3}', '{"epoch":2}', '{"a":5,"epoch":NaN}'),
        )

        series = self.series(reader, "a", x=XAxis.METRIC, x_metric=MetricName("epoch"))
        assert (series.x, series.mean) == ([1, 3], [2, 1])

    def test_the_x_of_a_row_may_be_in_another_line_of_its_step(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":0,"a":1}', '{"_step":0,"_timestamp":5}'))

        assert self.series(reader, "a", x=XAxis.TIME).x == [5]

    def test_system_samples_are_apart_even_at_one_time(self, database: Database, reader: HistoryReader) -> None:
        lines = ['{"cpu":1,"_runtime":1,"_step":0}', '{"cpu":2,"_runtime":1,"_step":0}', '{"cpu":3,"_runtime":2}']
        append(database, LineBatch(Stream.SYSTEM, 0, lines[:2]), LineBatch(Stream.SYSTEM, 0, lines[2:], A))

        series = self.series(reader, "cpu", stream=Stream.SYSTEM, x=XAxis.RELATIVE)
        assert sorted(zip(series.x, series.mean, strict=True)) == [(1, 1), (1, 2), (2, 3)]
        assert reader.last_step([HistoryPart(RUN)]) is None

    # --- media -------------------------------------------------------------------------------------------------------

    def test_media_are_found_at_every_step_whatever_else_the_metric_holds(
        self, database: Database, reader: HistoryReader
    ) -> None:
        lines = [
            '{"_step":9,"a":{"_type":"image-file","path":"x"},"b":{"c":{"_type":"table-file"}}}',
            '{"_step":2,"a":{"_type":"audio"},"old":1}',
            '{"_step":4,"a":3}',
            '{"_step":5,"a":[{"_type":"table-file"}]}',
            '{"_step":6,"a":[1,2]}',
        ]
        append(database, history(0, *lines[:2]))
        append(database, history(2, *lines[2:]))
        append(database, history(0, '{"_step":1,"a":null}', '{"_step":3,"a":{"_type":"of-tomorrow"}}'), run=OTHER)

        found = reader.media(
            [[HistoryPart(RUN)], [HistoryPart(OTHER)]], [METRIC, OLD, MetricName("b.c"), MetricName("absent")]
        )

        assert [(points.history, points.metric, points.kind, points.steps.tolist()) for points in found] == [
            (0, METRIC, MetricKind.IMAGE, [2, 5, 9]),
            (0, "b.c", MetricKind.TABLE, [9]),
            (1, METRIC, MetricKind.MEDIA, [3]),
        ]

    def test_a_media_that_is_logged_again_counts_once(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":1,"a":{"_type":"audio"}}', '{"_step":1,"a":[{"_type":"image-file"}]}'))

        (points,) = reader.media([[HistoryPart(RUN)]], [METRIC])
        assert (points.kind, points.steps.tolist()) == (MetricKind.IMAGE, [1])

    def test_numbers_leave_out_what_is_none(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":1}', '{"a":"x"}', '{"a":NaN}', '{"a":true}', '{"old":1}'))

        found, none = reader.numbers([[HistoryPart(RUN)], [HistoryPart(OTHER)]], METRIC)
        assert found.steps.tolist() == [0, 2, 3]
        assert [repr(value) for value in found.values.tolist()] == ["1.0", "nan", "1.0"]
        assert none.steps.tolist() == none.values.tolist() == []

    def test_values_come_exactly_in_the_order_of_their_places(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"a":{"_type":"x","n":9007199254740993}}', '{"a":[1],"old":0.5}'))
        append(database, history(0, '{"a":-0.0}'), run=OTHER)
        places = [
            ValuePlace(1, METRIC, 0),
            ValuePlace(0, OLD, 1),
            ValuePlace(0, METRIC, 1),
            ValuePlace(0, METRIC, 0),
            ValuePlace(0, METRIC, 2),
            ValuePlace(0, OLD, 0),
        ]

        found = reader.values([[HistoryPart(RUN)], [HistoryPart(OTHER)]], places)
        assert repr(found[0]) == "-0.0"
        assert found[1:] == [0.5, [1], {"_type": "x", "n": 9007199254740993}, None, None]
        assert reader.values([], []) == []

    def test_media_of_a_fork_are_those_of_its_history(self, database: Database, reader: HistoryReader) -> None:
        lines = (f'{{"_step":{step},"a":{{"_type":"image-file","path":"old{step}"}}}}' for step in range(5))
        append(database, history(0, *lines), run=OTHER)
        append(database, history(0, '{"_step":3,"a":{"_type":"image-file","path":"new"}}'), run=RUN)
        parts = (HistoryPart(OTHER, last_step=2), HistoryPart(RUN))

        (points,) = reader.media([parts], [METRIC])
        assert points.steps.tolist() == [0, 1, 2, 3]
        values = reader.values([parts], [ValuePlace(0, METRIC, 3), ValuePlace(0, METRIC, 2)])
        assert [value["path"] for value in values if isinstance(value, dict)] == ["new", "old2"]

    # --- forks -------------------------------------------------------------------------------------------------------

    def test_a_fork_begins_with_its_parent(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, *(f'{{"_step":{step},"a":{step},"old":1}}' for step in range(10))), run=OTHER)
        append(database, history(0, '{"_step":4,"a":40}', '{"_step":5,"a":"text"}', '{"_step":6,"a":60}'), run=RUN)
        parts = (HistoryPart(OTHER, last_step=3), HistoryPart(RUN))

        page = reader.rows(parts, RowQuery())
        assert [(row.step, row.values["a"]) for row in page.rows] == [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 40),
            (5, "text"),
            (6, 60),
        ]
        assert reader.last_step(parts) == 6
        assert reader.last_step(parts[:1]) == 3
        (series,) = map(
            as_lists, reader.buckets(BucketQuery((SeriesSource(parts, STARTED),), (MetricName("a"),))).series
        )
        assert series.run == RUN
        assert (series.x, series.mean) == ([0, 1, 2, 3, 4, 6], [0, 1, 2, 3, 40, 60])
        found = {info.name: info for info in reader.catalogue(parts).metrics}
        assert (found[OLD].points, found[OLD].last_step) == (4, 3)
        assert (found[METRIC].points, found[METRIC].last) == (7, 60)

    def test_a_forks_own_rows_win_over_its_parents(self, database: Database, reader: HistoryReader) -> None:
        append(database, history(0, '{"_step":0,"a":1,"b":1}'), run=OTHER)
        append(database, history(0, '{"_step":0,"a":9007199254740993}'), run=RUN)
        parts = (HistoryPart(OTHER, last_step=0), HistoryPart(RUN))

        (row,) = reader.rows(parts, RowQuery()).rows
        assert row.values == {"_step": 0, "a": 9007199254740993, "b": 1}
        assert {info.name: info.last for info in reader.catalogue(parts).metrics}[METRIC] == 9007199254740993
        assert len(reader.rows(parts, RowQuery(keys=(MetricName("a"), MetricName("b")))).rows) == 1
