from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymograph.sdk.sender.lines import LineQueue


def test_lines_are_sent_in_chunks_of_about_the_size_asked_for() -> None:
    queue = LineQueue()
    for number in range(10):
        queue.add(f"line {number}")

    chunk = queue.next_chunk(max_bytes=20)

    assert chunk is not None
    assert (chunk.first, chunk.lines) == (0, ("line 0", "line 1", "line 2"))


def test_a_line_longer_than_a_chunk_is_sent_alone() -> None:
    queue = LineQueue()
    queue.add("x" * 100)
    queue.add("y")

    chunk = queue.next_chunk(max_bytes=10)

    assert chunk is not None
    assert chunk.lines == ("x" * 100,)


def test_a_line_that_changes_while_it_is_under_way_is_sent_again() -> None:
    queue = LineQueue()
    queue.add("10 %")
    chunk = queue.next_chunk(max_bytes=100)
    assert chunk is not None
    queue.put(0, "20 %")

    queue.acknowledge(chunk)

    again = queue.next_chunk(max_bytes=100)
    assert again is not None
    assert (again.first, again.lines) == (0, ("20 %",))


def test_lines_that_the_server_has_from_before_are_counted_and_not_sent() -> None:
    queue = LineQueue(acknowledged_end=2)

    numbers = [queue.add(text) for text in ("a", "b", "c")]

    chunk = queue.next_chunk(max_bytes=100)
    assert numbers == [0, 1, 2]
    assert chunk is not None
    assert (chunk.first, chunk.lines) == (2, ("c",))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.text("ab", min_size=1, max_size=5)), max_size=60),
    st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=60),
)
def test_in_the_end_the_server_has_the_last_text_of_every_line(
    puts: list[tuple[int, str]], sends: list[tuple[int, bool]]
) -> None:
    queue, server, wanted = LineQueue(), dict[int, str](), dict[int, str]()

    def send(max_bytes: int, *, is_answered: bool) -> None:
        chunk = queue.next_chunk(max_bytes=max_bytes)
        if chunk is not None:
            server.update(enumerate(chunk.lines, chunk.first))
            if is_answered:
                queue.acknowledge(chunk)

    for index, (number, text) in enumerate(puts):
        # Texts of their own: lines are told apart by identity.
        queue.put(number, f"{text}{index}")
        wanted[number] = f"{text}{index}"
        if index < len(sends):
            send(sends[index][0], is_answered=sends[index][1])
    while len(queue):
        send(15, is_answered=True)

    assert server == wanted
    assert queue.pending_bytes == 0
