"""Links to comparisons, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from kymograph.core.history import STEP
from kymograph.core.shares import Share, SharedComparison
from kymograph.types import MetricName, UserId
from tests.unit.storage.metadata.builders import NOW, World, make_user

DAY = timedelta(days=1)
COMPARISON = SharedComparison(
    ("run2", "ru\x00n\x1a1"), (MetricName("b/ü"), MetricName("a,\x00")), MetricName("epoch"), {"a": "x,\x00", "": "ü"}
)


def keep(world: World, digest: bytes, *, user: UserId | None = None, days: int = 1) -> Share:
    return world.database.write(
        lambda tx: tx.shares.create(
            digest, world.project.id, user or world.user.id, COMPARISON, now=NOW, expires_at=NOW + days * DAY
        )
    )


def find(world: World, digest: bytes, days: float = 0) -> Share | None:
    return world.database.read(lambda tx: tx.shares.find(digest, NOW + days * DAY))


def test_link_is_found_by_its_digest_as_it_was_made(world: World) -> None:
    made = keep(world, b"1" * 32)
    keep(world, b"2" * 32)

    assert find(world, b"1" * 32) == made
    assert (made.comparison, made.username) == (COMPARISON, world.user.username)
    assert find(world, b"3" * 32) is None


def test_what_is_left_out_is_the_step_and_an_empty_view() -> None:
    assert SharedComparison(("r",), (MetricName("m"),)) == replace(
        COMPARISON, run_ids=("r",), metrics=(MetricName("m"),), axis=STEP, view={}
    )


def test_link_ends_at_its_moment(world: World) -> None:
    made = keep(world, b"1" * 32, days=2)

    assert find(world, b"1" * 32, days=1.999) == made
    assert find(world, b"1" * 32, days=2) is None
    assert world.database.read(lambda tx: tx.shares.find_by_id(made.id)) == made


def test_expired_ones_are_removed_and_no_others(world: World) -> None:
    short, long = keep(world, b"1" * 32, days=1), keep(world, b"2" * 32, days=2)

    world.database.write(lambda tx: tx.shares.delete_expired(NOW + DAY))

    assert world.database.read(lambda tx: tx.shares.find_by_id(short.id)) is None
    assert world.database.read(lambda tx: tx.shares.find_by_id(long.id)) == long


def test_lists_are_of_a_project_or_of_one_maker_in_it(world: World) -> None:
    other = make_user(world.database, "other")
    mine, theirs, later = keep(world, b"1" * 32), keep(world, b"2" * 32, user=other.id), keep(world, b"3" * 32)
    expired = NOW + DAY

    def listed(user: UserId | None, *, limit: int = 9, offset: int = 0, now: datetime = NOW) -> tuple[list[int], int]:
        found, total = world.database.read(
            lambda tx: tx.shares.list(world.project.id, now, user=user, limit=limit, offset=offset)
        )
        return [share.id for share in found], total

    assert listed(None) == ([later.id, theirs.id, mine.id], 3)
    assert listed(None, limit=1, offset=1) == ([theirs.id], 3)
    assert listed(world.user.id) == ([later.id, mine.id], 2)
    assert listed(None, now=expired) == ([], 0)


def test_numbers_of_links_are_never_given_twice(world: World) -> None:
    first = keep(world, b"1" * 32)
    world.database.write(lambda tx: tx.shares.delete(first.id))

    assert keep(world, b"2" * 32).id > first.id


def test_links_go_with_their_maker(world: World) -> None:
    other = make_user(world.database, "other")
    keep(world, b"1" * 32, user=other.id)

    world.database.write(lambda tx: tx.accounts.delete_user(other.id))

    assert find(world, b"1" * 32) is None
