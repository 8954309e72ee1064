"""Manifest documents."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import ManifestCorrupt
from kymograph.wire import manifest_json
from kymograph.wire.ids import encode_id
from kymograph.wire.manifest_json import amend_manifest, find_target, merge_manifests, parse_manifest


def document(contents: Any = None, **more: Any) -> bytes:
    return orjson.dumps({"version": 1, "storagePolicy": "p", "contents": contents or {}, **more})


def test_entries_are_read_with_reference_and_birth_artifact() -> None:
    text = document(
        {
            "a.txt": {"digest": "AAAA", "size": 3, "birthArtifactID": encode_id("Artifact", 12)},
            "dir/b": {"digest": "etag", "ref": "s3://bucket/b", "size": -1},
        }
    )

    first, second = parse_manifest(text, artifact="x:v0")

    assert (first.path, first.digest, first.size_bytes, first.birth_artifact) == ("a.txt", "AAAA", 3, 12)
    assert (second.path, second.ref, second.size_bytes, second.birth_artifact) == ("dir/b", "s3://bucket/b", 0, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "not JSON"),
        (b"[]", "version 1"),
        (b'{"version": 2, "contents": {}}', "version 1"),
        (b'{"version": 1}', "contents"),
        (b'{"version": 1, "contents": []}', "contents"),
        (b'{"version": 1, "contents": {"a": 5}}', "'a'"),
        (b'{"version": 1, "contents": {"a": {}}}', "digest"),
        (b'{"version": 1, "contents": {"../a": {"digest": "x"}}}', r"\.\./a"),
        (b'{"version": 1, "contents": {"": {"digest": "x"}}}', "not allowed"),
    ],
)
def test_damaged_manifest_is_refused_and_its_artifact_named(text: bytes, problem: str) -> None:
    with pytest.raises(ManifestCorrupt, match=problem) as caught:
        parse_manifest(text, artifact="weights:v3")

    assert "weights:v3" in str(caught.value)


ENTRIES = st.dictionaries(st.sampled_from("abcdef"), st.builds(lambda d: {"digest": d}, st.sampled_from("xyz")))


@given(ENTRIES, ENTRIES, ENTRIES)
def test_merging_is_associative_and_the_last_entry_of_a_path_counts(a: Any, b: Any, c: Any) -> None:
    one, two, three = document(a), document(b), document(c)

    at_once = merge_manifests([one, two, three], artifact="x")
    in_turn = merge_manifests([merge_manifests([one, two], artifact="x"), three], artifact="x")

    assert orjson.loads(at_once) == orjson.loads(in_turn)
    assert orjson.loads(at_once)["contents"] == {**a, **b, **c}


def test_head_of_a_merged_manifest_is_that_of_the_last() -> None:
    merged = merge_manifests([document(storagePolicy="old"), document(storagePolicy="new")], artifact="x")

    assert orjson.loads(merged)["storagePolicy"] == "new"


ODD_DOCUMENTS = [
    b'{"version": 1, "contents": {"a": {"digest": "d", "size": 1, "extra": {"alg": "XXH128", "etag": "e"}}}}',
    b'{"version": 1, "contents": {"a": {"digest": "d", "size": NaN}, "b": {"digest": "d", "size": -3}}}',
    b'{"version": 1, "contents": {"a": {"digest": "d", "size": "12", "ref": 7, "birthArtifactID": 8}}}',
    b'{"version": 1, "contents": {"\\ud800": {"digest": "d"}, "a": {"digest": "d", "extra": []}}, "more": [1]}',
    b'{"version": 1, "contents": {"a": {"digest": "d", "size": 123456789012345678901234567890}}}',
    b'{"contents": {"a": {"digest": "x"}, "a": {"digest": "y"}}, "version": 1}',
]


@pytest.mark.parametrize("text", ODD_DOCUMENTS)
def test_documents_read_the_same_with_and_without_typed_decoding(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = parse_manifest(text, artifact="a")
    merged = merge_manifests([text, ODD_DOCUMENTS[0]], artifact="a")
    monkeypatch.setattr(manifest_json, "_typed", lambda: None)

    assert parse_manifest(text, artifact="a") == typed
    again = merge_manifests([text, ODD_DOCUMENTS[0]], artifact="a")
    assert parse_manifest(again, artifact="a") == parse_manifest(merged, artifact="a")


def test_references_to_other_versions_name_them() -> None:
    inside = f"wandb-artifact://{b'Artifact:12'.hex()}/some/path"

    assert find_target(inside) == 12
    for other in (
        "s3://b/k",
        "wandb-artifact://zz/p",
        "wandb-artifact://00ff/p",
        f"wandb-artifact://{b'Run:1'.hex()}/p",
    ):
        assert find_target(other) is None


# --- changes

ENTRY = {"digest": "DMF1ucDxtqgxw5niaXcmYQ==", "size": 1}
HEAD = {"version": 1, "storagePolicy": "p", "storagePolicyConfig": {"storageLayout": "V2"}}
PATHS = st.sampled_from(["a", "b/c", "d", "é", "e"])
CONTENTS = st.dictionaries(PATHS, st.integers(0, 3).map(lambda size: {**ENTRY, "size": size}))
CHANGES = st.tuples(st.sets(PATHS), CONTENTS)


@given(CONTENTS, CHANGES, CHANGES)
def test_amending_twice_is_amending_by_both(
    contents: dict[str, Any], first: tuple[set[str], dict[str, Any]], second: tuple[set[str], dict[str, Any]]
) -> None:
    document = orjson.dumps({**HEAD, "contents": contents})
    by_turns = amend_manifest(document, removed=first[0], changed=first[1], artifact="a")
    by_turns = amend_manifest(by_turns, removed=second[0], changed=second[1], artifact="a")

    both = {path: entry for path, entry in first[1].items() if path not in second[0]} | second[1]
    at_once = amend_manifest(document, removed=first[0] | second[0], changed=both, artifact="a")

    assert orjson.loads(by_turns) == orjson.loads(at_once)
    assert {name: value for name, value in orjson.loads(at_once).items() if name != "contents"} == HEAD


def test_what_is_no_manifest_cannot_be_amended() -> None:
    with pytest.raises(ManifestCorrupt):
        amend_manifest(b'{"version": 2}', removed=[], changed={}, artifact="a")
