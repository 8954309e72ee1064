"""Parts of files as slices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymograph.fs.spans import span_of

BOUND = st.one_of(st.none(), st.integers(-30, 30))


@given(st.integers(0, 20), BOUND, BOUND)
def test_a_span_is_what_a_slice_takes(size: int, start: int | None, end: int | None) -> None:
    content = bytes(range(size))

    span = span_of(size, start, end)

    assert content[span.start : span.start + span.size_bytes] == content[start:end]
    assert span.size_bytes == len(content[start:end])
