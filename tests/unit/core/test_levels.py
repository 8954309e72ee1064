"""Coarser levels against reading every point."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kymograph.core.levels import BLOCK, build_levels, level_sizes, reduce_ranges

lengths = st.integers(1, BLOCK * BLOCK * 2 + 100)


def make_values(length: int, seed: int, *, odd_share: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.normal(size=length)
    odd = random.random(length) < odd_share
    values[odd] = random.choice([np.nan, np.inf, -np.inf], size=int(odd.sum()))
    return values


@settings(max_examples=60, deadline=None)
@given(length=lengths, seed=st.integers(0, 2**32 - 1), odd_share=st.sampled_from([0.0, 0.01, 0.5, 1.0]), data=st.data())
def test_ranges_are_reduced_as_if_every_point_was_read(
    length: int, seed: int, odd_share: float, data: st.DataObject
) -> None:
    values = make_values(length, seed, odd_share=odd_share)
    all_finite = bool(np.isfinite(values).all())
    cuts = sorted(data.draw(st.sets(st.integers(0, length), min_size=2, max_size=9))) if length > 1 else [0, 1]
    starts, ends = np.array(cuts[:-1]), np.array(cuts[1:])
    chosen = data.draw(st.lists(st.booleans(), min_size=len(starts), max_size=len(starts)))
    if any(chosen):  # gaps between ranges
        starts, ends = starts[chosen], ends[chosen]

    levels = build_levels(values, all_finite=all_finite)
    found = reduce_ranges(values, levels, starts, ends, all_finite=all_finite)

    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        finite = values[start:end][np.isfinite(values[start:end])]
        assert found.count[index] == len(finite)
        assert found.low[index] == (finite.min() if len(finite) else np.inf)
        assert found.high[index] == (finite.max() if len(finite) else -np.inf)
        assert np.isclose(found.total[index], finite.sum(), rtol=1e-9, atol=1e-9)


def test_levels_have_the_sizes_that_are_announced() -> None:
    for length in (0, 1, BLOCK - 1, BLOCK, BLOCK * BLOCK - 1, BLOCK * BLOCK, BLOCK**3 + 5):
        levels = build_levels(np.zeros(length), all_finite=True)

        assert [len(level.low) for level in levels] == level_sizes(length)
