"""Names of files as a tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymograph.fs.tree import Tree

NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


def test_folders_follow_from_names() -> None:
    tree = Tree({"a/b/c": 1, "a/d": 2, "e": 3})

    assert list(tree.children("")) == [("a", None), ("e", 3)]
    assert list(tree.children("a")) == [("a/b", None), ("a/d", 2)]
    assert list(tree.below("a/b")) == [("a/b/c", 1)]
    assert list(tree.below("a/d")) == []
    assert tree.folders_below("") == ["a", "a/b"]
    assert not tree.is_folder("e")
    assert Tree[int]({}).is_folder("")


def test_a_file_may_have_the_name_of_a_folder() -> None:
    tree = Tree({"a": 1, "a/b": 2})

    assert list(tree.children("")) == [("a", 1), ("a", None)]
    assert list(tree.below("a")) == [("a/b", 2)]


@given(st.sets(NAMES))
def test_walking_down_finds_every_file_once(names: set[str]) -> None:
    tree = Tree(dict.fromkeys(names, 0))

    def walk(folder: str) -> list[str]:
        found = []
        for name, file in tree.children(folder):
            found += walk(name) if file is None else [name]
        return found

    assert sorted(walk("")) == sorted(names)
    assert [name for name, _ in tree.below("")] == sorted(names)
