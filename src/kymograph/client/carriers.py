"""Who carries operations out: one for code that waits, one for code that awaits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from kymograph.client.graphql import Question
from kymograph.client.operations import Call, Fetch, Operation, Pause, Receive, Send, Step, Together
from kymograph.client.rules import READ_TIMEOUT_S
from kymograph.errors import KymographError

if TYPE_CHECKING:
    from kymograph.client.async_transport import AsyncTransport
    from kymograph.client.connection import Connection
    from kymograph.client.runs import RunClient

_T = TypeVar("_T")


class Carrier:
    """Carries operations out and returns their results. Safe to share between threads."""

    def __init__(self, client: RunClient, *, sleep: Callable[[float], object] = time.sleep) -> None:
        """Carry by way of a client, which is not closed here."""
        self.client, self._sleep = client, sleep

    @property
    def connection(self) -> Connection:
        """To the server."""
        return self.client.connection

    def carry_out(self, operation: Operation[_T]) -> _T:
        """The result of an operation."""
        with closing(operation):
            try:
                step = next(operation)
                while True:
                    try:
                        answer = self._do(step)
                    except (KymographError, OSError) as exc:
                        step = operation.throw(exc)
                    else:
                        step = operation.send(answer)
            except StopIteration as end:
                result: _T = end.value
                return result

    def pieces(self, path: str, content: bytes) -> Iterator[bytes]:
        """A long answer to a question in JSON, piece by piece."""
        with self.client.streaming("POST", path, **_body(content)) as pieces:
            yield from pieces

    def _do(self, step: Step) -> Any:
        client = self.client
        match step:
            case Question():
                return client.ask(step)
            case Call():
                return client.request(step.method, step.path, **_arguments(step))
            case Fetch():
                return client.fetch(step.url, step.sink)
            case Receive():
                arguments = {"params": _without_none(step.parameters), **_body(step.content)}
                with client.streaming(step.method, step.path, **arguments) as pieces:
                    for piece in pieces:
                        step.take(memoryview(piece))
            case Send():
                return client.send_file(step.url, step.path, headers=step.headers)
            case Pause():
                self._sleep(step.seconds)
            case Together():
                return self._together(step)
        return None

    def _together(self, step: Together) -> list[Any]:
        if len(step.operations) < 2 or step.at_once < 2:
            return [self.carry_out(operation) for operation in step.operations]
        with ThreadPoolExecutor(min(step.at_once, len(step.operations))) as pool:
            running = [pool.submit(self.carry_out, operation) for operation in step.operations]
            try:
                return [future.result() for future in running]
            finally:
                for future in running:
                    future.cancel()


class AsyncCarrier:
    """Carries operations out for code that awaits their results, in one event loop."""

    def __init__(self, transport: AsyncTransport) -> None:
        """Carry by way of a transport, which is not closed here."""
        self.transport = transport

    @property
    def connection(self) -> Connection:
        """To the server."""
        return self.transport.connection

    async def carry_out(self, operation: Operation[_T]) -> _T:
        """The result of an operation."""
        with closing(operation):
            try:
                step = next(operation)
                while True:
                    try:
                        answer = await self._do(step)
                    except (KymographError, OSError) as exc:
                        step = operation.throw(exc)
                    else:
                        step = operation.send(answer)
            except StopIteration as end:
                result: _T = end.value
                return result

    async def pieces(self, path: str, content: bytes) -> AsyncIterator[bytes]:
        """A long answer to a question in JSON, piece by piece."""
        async with self.transport.streaming("POST", path, **_body(content)) as pieces:
            async for piece in pieces:
                yield piece

    async def _do(self, step: Step) -> Any:
        import asyncio  # takes a while, and code that waits needs none of it

        transport = self.transport
        match step:
            case Question():
                return await transport.ask(step)
            case Call():
                return await transport.request(step.method, step.path, **_arguments(step))
            case Fetch():
                return await transport.fetch(step.url, step.sink)
            case Receive():
                arguments = {"params": _without_none(step.parameters), **_body(step.content)}
                async with transport.streaming(step.method, step.path, **arguments) as pieces:
                    async for piece in pieces:
                        step.take(memoryview(piece))
            case Send():
                return await transport.send_file(step.url, step.path, headers=step.headers)
            case Pause():
                await asyncio.sleep(step.seconds)
            case Together():
                return await self._together(step)
        return None

    async def _together(self, step: Together) -> list[Any]:
        import asyncio

        places = asyncio.Semaphore(step.at_once)

        async def one(operation: Operation[Any]) -> Any:
            async with places:
                return await self.carry_out(operation)

        tasks = [asyncio.ensure_future(one(operation)) for operation in step.operations]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _arguments(step: Call) -> dict[str, Any]:
    timeout_s = READ_TIMEOUT_S if step.timeout_s is None else step.timeout_s
    return {"timeout_s": timeout_s, "params": _without_none(step.parameters), **_body(step.content)}


def _body(content: bytes | None) -> dict[str, Any]:
    return {} if content is None else {"content": content, "headers": {"Content-Type": "application/json"}}


def _without_none(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
