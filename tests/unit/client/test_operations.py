"""Operations are carried out the same by who waits and by who awaits."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
import pytest

from kymograph.client.async_transport import AsyncTransport
from kymograph.client.carriers import AsyncCarrier, Carrier
from kymograph.client.connection import Connection
from kymograph.client.operations import (
    Fetch,
    Operation,
    Pause,
    Receive,
    Send,
    ask,
    call,
    given,
    once,
    together,
)
from kymograph.client.runs import RunClient
from kymograph.errors import RunNotFound, ServerBusy

T = TypeVar("T")
Handle = Callable[[httpx.Request], httpx.Response]
CarryOut = Callable[[Operation[Any], Handle], Any]
CONNECTION = Connection.of("http://host", "key")


def wait_for(operation: Operation[T], handle: Handle) -> T:
    with RunClient(CONNECTION, inner=httpx.MockTransport(handle)) as client:
        return Carrier(client, sleep=lambda _s: None).carry_out(operation)


def await_it(operation: Operation[T], handle: Handle) -> T:
    async def main() -> T:
        async with AsyncTransport(CONNECTION, inner=httpx.MockTransport(handle), wait=None) as transport:
            return await AsyncCarrier(transport).carry_out(operation)

    return asyncio.run(main())


@pytest.fixture(params=[wait_for, await_it])
def carry_out(request: pytest.FixtureRequest) -> CarryOut:
    found: CarryOut = request.param
    return found


def answering(data: Any) -> Handle:
    return lambda _request: httpx.Response(200, json={"data": data})


def test_what_comes_of_steps_is_sent_in(carry_out: CarryOut) -> None:
    def operation() -> Operation[list[Any]]:
        document = yield from ask("{ x }", {"a": 1})
        answer = yield from call("GET", "/y", {"q": "1", "not": None})
        return [document, answer.content]

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/graphql":
            assert orjson.loads(request.content)["variables"] == {"a": 1}
            return httpx.Response(200, json={"data": {"x": 2}})
        assert dict(request.url.params) == {"q": "1"}
        return httpx.Response(200, content=b"y")

    assert carry_out(operation(), handle) == [{"x": 2}, b"y"]


def test_what_goes_wrong_is_raised_where_it_was_asked_for(carry_out: CarryOut) -> None:
    def operation() -> Operation[str]:
        try:
            yield from ask("{ x }")
        except RunNotFound as exc:
            return str(exc)
        return "nothing went wrong"

    def handle(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"errors": [{"message": "no run", "extensions": {"kind": "RunNotFound", "status": 404}}]}
        )

    assert carry_out(operation(), handle) == "no run"


def test_what_is_not_caught_reaches_the_caller(carry_out: CarryOut) -> None:
    with pytest.raises(ServerBusy):
        carry_out(ask("{ x }"), lambda _request: httpx.Response(503))


def test_results_come_in_the_order_of_their_operations(carry_out: CarryOut) -> None:
    def operation(name: str) -> Operation[str]:
        answer = yield from call("GET", f"/{name}")
        return answer.text

    names = [f"n{number}" for number in range(20)]

    found = carry_out(
        together(map(operation, names), at_once=4),
        lambda request: httpx.Response(200, text=request.url.path[1:]),
    )

    assert found == names


def test_one_of_several_that_fails_fails_all(carry_out: CarryOut) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503 if request.url.path == "/3" else 200)

    def operation(number: int) -> Operation[None]:
        yield from call("GET", f"/{number}")

    with pytest.raises(ServerBusy):
        carry_out(together([operation(number) for number in range(6)], at_once=2), handle)


def test_bytes_come_and_go(carry_out: CarryOut, tmp_path: Path) -> None:
    sink, pieces, sent = io.BytesIO(), list[bytes](), list[bytes]()
    file = tmp_path / "file"
    file.write_bytes(b"content")

    def operation() -> Operation[None]:
        yield Fetch("http://files/x", sink)
        yield Receive("POST", "/z", lambda piece: pieces.append(bytes(piece)), content=b"{}")
        yield Send("http://files/y", file, {"x-mark": "1"})
        yield Pause(0.0)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            assert request.headers["x-mark"] == "1"
            sent.append(request.read() if isinstance(request.stream, httpx.SyncByteStream) else b"content")
        return httpx.Response(200, content=request.url.path.encode())

    carry_out(operation(), handle)

    assert (sink.getvalue(), b"".join(pieces), sent) == (b"/x", b"/z", [b"content"])


def test_an_operation_may_have_its_result_already(carry_out: CarryOut) -> None:
    assert carry_out(given(5), answering({})) == 5


def test_an_operation_that_is_left_alone_cleans_up(carry_out: CarryOut) -> None:
    ended: list[str] = []

    def operation() -> Operation[None]:
        try:
            yield from ask("{ x }")
        finally:
            ended.append("cleaned up")

    with pytest.raises(ServerBusy):
        carry_out(operation(), lambda _request: httpx.Response(503))

    assert ended == ["cleaned up"]


def test_what_is_done_once_gives_its_result_to_all() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"data": {"number": len(asked)}})

    find = once(lambda: ask("{ number }"))

    assert [wait_for(find(), handle) for _ in range(3)] == [{"number": 1}] * 3
    assert asked == ["/graphql"]
