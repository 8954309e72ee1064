from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped] # it has none
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import InvalidMedia, InvalidValue
from kymograph.sdk.media import Classes, Html, Image, JoinedTable, PartitionedTable, Table, Value
from kymograph.sdk.media.table import LogMode
from kymograph.types import JsonObject
from tests.unit.sdk.media.recorded import Recorded


def types_of(table: Table) -> Any:
    params: Any = table.column_types.to_json()["params"]
    return params["type_map"]


def optional(*names: str) -> Any:
    return {"wb_type": "union", "params": {"allowed_types": [{"wb_type": name} for name in sorted([*names, "none"])]}}


def test_its_file_holds_columns_and_rows(run: Recorded) -> None:
    table = Table(columns=["a", "b", 3], data=[[1, "x", None], [2.5, None, True]])

    form = table.bind(run.place, "k", 4)

    assert run.json(form["path"]) == {"columns": ["a", "b", 3], "data": [[1, "x", None], [2.5, None, True]]}
    assert str(form["path"]).startswith("media/table/k_4_")
    assert str(form["path"]).endswith(".table.json")
    assert {key: form[key] for key in ("_type", "ncols", "nrows", "log_mode")} == {
        "_type": "table-file",
        "ncols": 3,
        "nrows": 2,
        "log_mode": "IMMUTABLE",
    }


def test_cells_of_its_file_are_whole(run: Recorded) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    table = Table(columns=["array", "nan", "moment", "nested"], data=[[np.arange(50), math.nan, moment, {"a": (1, 2)}]])

    [row] = run.json(table.bind(run.place, "k", 0)["path"])["data"]

    assert row[0] == list(range(50))
    assert math.isnan(row[1])
    assert row[2:] == ["2026-01-02T03:04:05Z", {"a": [1, 2]}]


def test_media_in_cells_are_files_too(run: Recorded) -> None:
    table = Table(columns=["image", "page"], data=[[Image(np.zeros((2, 2))), Html("x")]])

    [row] = run.json(table.bind(run.place, "k", 0)["path"])["data"]

    assert [cell["_type"] for cell in row] == ["image-file", "html-file"]
    assert set(run.kept) == run.files()
    assert {cell["path"] for cell in row} < set(run.kept)


def test_a_cell_without_a_form_is_refused_by_key(run: Recorded) -> None:
    with pytest.raises(InvalidValue, match="k is of type object"):
        Table(columns=["a"], data=[[object()]]).bind(run.place, "k", 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5, None], optional("number")),
        ([True], optional("boolean")),
        (["a"], optional("string")),
        ([np.float32(1), np.int8(2)], optional("number")),
        ([np.bool_(True)], optional("boolean")),
        ([datetime(2026, 1, 1), date(2026, 1, 1), np.datetime64("2026-01-01")], optional("timestamp")),
        ([None], optional("unknown")),
        ([math.nan], optional("unknown")),
        ([Html("a")], optional("html-file")),
        (["wandb-artifact://a"], optional("artifactVersion")),
    ],
)
def test_types_are_those_of_the_values(values: list[Any], expected: Any) -> None:
    assert types_of(Table(columns=["a"], data=[[value] for value in values])) == {"a": expected}


def test_lists_dicts_arrays_and_objects_have_types() -> None:
    table = Table(
        columns=["list", "dict", "array", "object"], data=[[[1, 2], {"k": "v"}, np.zeros((2, 3)), 1j]], optional=False
    )

    assert types_of(table) == {
        "list": {"wb_type": "list", "params": {"element_type": {"wb_type": "number"}, "length": 2}},
        "dict": {"wb_type": "typedDict", "params": {"type_map": {"k": {"wb_type": "string"}}}},
        "array": {"wb_type": "ndarray", "params": {"shape": [2, 3], "serialization_path": None}},
        "object": {"wb_type": "pythonObject", "params": {"class_name": "complex"}},
    }


def test_a_value_of_another_type_is_refused_and_the_table_stays() -> None:
    table = Table(columns=["a", "b"], data=[[1, 1]])

    with pytest.raises(InvalidMedia, match="'x' in column 'b' is a String, not None or Number") as caught:
        table.add_data(2, "x")

    assert isinstance(caught.value, TypeError)
    assert table.data == [[1, 1]]
    assert types_of(table) == {"a": optional("number"), "b": optional("number")}


def test_booleans_are_no_numbers() -> None:
    with pytest.raises(InvalidMedia, match="True in column 'a' is a Boolean"):
        Table(columns=["a"], data=[[1], [2], [True]])


def test_mixed_types_are_allowed_if_wanted() -> None:
    table = Table(columns=["a"], data=[[1], ["x"], [None]], allow_mixed_types=True)

    assert types_of(table) == {"a": optional("any")}


def test_what_is_not_optional_cannot_be_missing() -> None:
    table = Table(columns=["a", "b"], data=[[1, None]], optional=[False, True])

    with pytest.raises(InvalidMedia, match="None in column 'a' is a None"):
        table.add_data(None, 1)
    with pytest.raises(InvalidMedia, match="nan in column 'a' is a None"):
        table.add_data(math.nan, 1)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (int, optional("number")),
        (str, optional("string")),
        ([str], optional("string")),
        (Image, None),
        (Html, optional("html-file")),
    ],
)
def test_declared_types_hold(declared: Any, expected: Any) -> None:
    table = Table(columns=["a"], dtype=declared)

    assert expected is None or types_of(table) == {"a": expected}
    with pytest.raises(InvalidMedia):
        table.add_data(1j)


def test_classes_limit_a_column() -> None:
    table = Table(columns=["a"], data=[[1], [2]])

    table.cast("a", Classes([{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]).get_type())

    assert types_of(table)["a"]["wb_type"] == "classesId"
    with pytest.raises(InvalidMedia, match="3 in column 'a'"):
        table.add_data(3)


def test_casting_checks_what_is_there() -> None:
    with pytest.raises(InvalidMedia, match="'x' in column 'a'"):
        Table(columns=["a"], data=[["x"]]).cast("a", int)
    with pytest.raises(InvalidMedia, match="no column 'b'"):
        Table(columns=["a"]).cast("b", int)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": "ab"}, "columns must be a list"),
        ({"columns": [1.5]}, "columns must be a list"),
        ({"columns": ["a", "a"]}, "the same name"),
        ({"columns": ["a"], "data": [[1, 2]]}, r"a row has 1 values, for \['a'\], and not 2"),
        ({"columns": ["a"], "data": "rows"}, "data must be a list of rows"),
        ({"columns": ["a", "b"], "dtype": [int]}, "lists of 2"),
        ({"log_mode": "NEVER"}, "log_mode is 'NEVER'"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        Table(**arguments)


def test_columns_have_names_by_default() -> None:
    assert Table().columns == ["Input", "Output", "Expected"]


def test_data_frames_and_arrays_are_taken() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.to_datetime(["2026-01-01", "2026-01-02"])})

    table = Table(data=frame)

    assert table == Table(dataframe=frame)
    assert table.columns == ["a", "b", "c"]
    assert types_of(table) == {"a": optional("number"), "b": optional("string"), "c": optional("timestamp")}
    assert Table(columns=["x", "y"], data=np.array([[1, 2], [3, 4]])).get_column("y") == [2, 4]


def test_columns_can_be_added_and_had() -> None:
    table = Table(columns=["a"], data=[[1], [2]])

    table.add_column("b", ["x", "y"])
    table.add_computed_columns(lambda index, row: {"c": row["a"] * 10 + index})

    assert table.data == [[1, "x", 10], [2, "y", 21]]
    assert table.get_column("c") == [10, 21]
    column = table.get_column("a", convert_to="numpy")
    assert isinstance(column, np.ndarray)
    assert column.tolist() == [1, 2]
    assert table.get_dataframe()["b"].tolist() == ["x", "y"]
    assert types_of(table)["b"] == {"wb_type": "string"}


def test_a_column_that_does_not_fit_leaves_the_table_as_it_is() -> None:
    table = Table(columns=["a"], data=[[1], [2]])

    for name, data in (("b", [1]), ("b", [1, "x"]), ("a", [1, 2])):
        with pytest.raises(InvalidMedia):
            table.add_column(name, data)

    assert (table.columns, table.data) == (["a"], [[1], [2]])


def test_the_first_column_makes_the_rows() -> None:
    table = Table(columns=[])

    table.add_column("a", [1, 2])

    assert table.data == [[1], [2]]


def test_rows_link_to_rows_of_other_tables() -> None:
    people = Table(columns=["id", "name"], data=[["1", "Ada"], ["2", "Bob"]])
    people.set_pk("id")
    orders = Table(columns=["who", "what"], data=[["1", "tea"]])
    orders.set_fk("who", people, "id")
    other = Table(columns=["row"], data=[[people.index_ref(1)]])

    orders.add_data(people.data[1][0], "milk")
    document = orders.document(_no_media, lambda table: ("people.table.json", "digest"))

    assert other.data[0][0].get_row() == {"id": "2", "name": "Bob"}
    types: Any = document["column_types"]
    assert types["params"]["type_map"]["who"] == {
        "wb_type": "foreignKey",
        "params": {"col_name": "id", "table": "people.table.json"},
    }
    with pytest.raises(InvalidMedia, match="no other"):
        people.set_pk("name")
    with pytest.raises(InvalidMedia, match="its own table"):
        people.set_fk("name", people, "id")
    with pytest.raises(InvalidMedia, match="no column 'x'"):
        orders.set_fk("what", people, "x")


def test_an_immutable_table_stays_as_it_was_logged(run: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    table = Table(columns=["a"], data=[[1]])
    first = table.bind(run.place, "k", 0)

    table.add_data(2)
    again = table.bind(run.place, "k", 1)

    assert again == first
    assert "log_mode='IMMUTABLE'" in caplog.text


def test_a_table_of_one_run_can_be_logged_to_another(run: Recorded) -> None:
    table = Table(columns=["a"], data=[[1]])
    table.bind(run.place, "k", 0)
    other = Recorded(run.folder / "other")

    form = table.bind(other.place, "k", 0)

    assert other.files() == {form["path"]}


def test_a_mutable_table_is_logged_again_with_its_changes(run: Recorded) -> None:
    table = Table(columns=["a"], data=[[1]], log_mode="MUTABLE")
    table.bind(run.place, "k", 0)

    table.add_data(2)
    form = table.bind(run.place, "k", 1)

    assert run.json(form["path"])["data"] == [[1], [2]]
    assert form["nrows"] == 2


def test_an_incremental_table_is_logged_in_parts(run: Recorded) -> None:
    table = Table(columns=["a"], data=[[1], [2]], log_mode="INCREMENTAL")
    first = table.bind(run.place, "k", 0)
    table.add_data(3)
    second = table.bind(run.place, "k", 1)

    assert [run.json(form["path"])["data"] for form in (first, second)] == [[[1], [2]], [[3]]]
    assert [form["increment_num"] for form in (first, second)] == [0, 1]
    assert [form["nrows"] for form in (first, second)] == [2, 3]
    assert second["_type"] == "incremental-table-file"
    with pytest.raises(InvalidMedia, match="only adds rows"):
        table.add_column("b", [1, 2, 3])


def test_more_rows_than_a_file_holds_are_left_out_with_a_warning(
    run: Recorded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Table, "MAX_ROWS", 2)
    table = Table(columns=["a"], data=[[1], [2], [3]])

    form = table.bind(run.place, "k", 0)

    assert run.json(form["path"])["data"] == [[1], [2]]
    assert form["nrows"] == 3
    assert "has 3 rows; its file has the first 2" in caplog.text


def _no_media(value: Value) -> JsonObject:
    raise AssertionError(value)


def test_its_document_has_the_types_of_columns() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5)
    table = Table(columns=["a", 1], data=[[Decimal("1.5"), moment], [None, moment]])

    assert table.document(_no_media) == {
        "_type": "table",
        "columns": ["a", 1],
        "data": [[1.5, 1767323045000], [None, 1767323045000]],
        "ncols": 2,
        "nrows": 2,
        "column_types": {
            "wb_type": "typedDict",
            "params": {
                "type_map": {
                    "a": {
                        "wb_type": "union",
                        "params": {
                            "allowed_types": [
                                {"wb_type": "none"},
                                {"wb_type": "pythonObject", "params": {"class_name": "Decimal"}},
                            ]
                        },
                    },
                    "1": optional("timestamp"),
                }
            },
        },
        "log_mode": "IMMUTABLE",
    }


def test_media_of_a_document_are_put_where_they_belong() -> None:
    table = Table(columns=["a"], data=[[Html("x")]])

    document = table.document(lambda value: {"_type": value.log_type, "path": "somewhere"})

    assert document["data"] == [[{"_type": "html-file", "path": "somewhere"}]]


def test_tables_of_tables_belong_into_artifacts(run: Recorded) -> None:
    with pytest.raises(InvalidMedia, match="added to an artifact"):
        JoinedTable(Table(), "b.table.json", "id").bind(run.place, "k", 0)
    with pytest.raises(InvalidMedia, match="added to an artifact"):
        PartitionedTable("parts").bind(run.place, "k", 0)
    with pytest.raises(InvalidMedia, match="table2 must be"):
        JoinedTable(Table(), "b.csv", "id")
    with pytest.raises(InvalidMedia, match="join_key"):
        JoinedTable(Table(), Table(), ["a", "b", "c"])


_cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(st.lists(st.lists(_cells, min_size=2, max_size=2), max_size=20), st.sampled_from(["IMMUTABLE", "MUTABLE"]))
def test_the_fast_way_accepts_what_the_types_do(rows: list[list[Any]], log_mode: LogMode) -> None:
    """Classes of values that were seen are looked up; the types must say the same."""
    table = Table(columns=["a", "b"], log_mode=log_mode)
    for row in rows:
        known = table.column_types
        covering = known.accept(dict(zip(("a", "b"), row, strict=True)))
        if covering is None:
            with pytest.raises(InvalidMedia):
                table.add_data(*row)
            assert table.column_types == known
        else:
            table.add_data(*row)
            assert table.column_types == covering
