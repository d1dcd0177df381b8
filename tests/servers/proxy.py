"""A proxy before an HTTP server that breaks connections: before, within and behind a request, as a seed draws it."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_LIMIT = 2**16


class Break(Enum):
    """Where a connection breaks."""

    BEFORE = "before the server sees the request"
    REQUEST = "in the middle of the request"
    BEHIND = "behind the work, before the answer"
    ANSWER = "in the middle of the answer"


class Proxy:
    """Passes requests on, and breaks some of the connections that carry them.

    Args:
        server: The URL of the server.
        rng: Draws which requests break, and where. The draws repeat with their seed; which request of which writer
            meets which draw does not, since writers race.
        rate: How many of the requests break.

    Attributes:
        broken: How often what happened.
        passed: How many requests passed.
    """

    def __init__(self, server: str, rng: random.Random, rate: float) -> None:
        host = urlsplit(server)
        self._server = (host.hostname, host.port)
        self._rng = rng
        self._rate = rate
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken: Counter[Break] = Counter()
        self.passed = 0
        self.url = ""

    async def serve(self, started: threading.Event, ended: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LIMIT)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await ended.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        behind, ahead = await asyncio.open_connection(*self._server, limit=_LIMIT)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._pass_on(reader, writer, behind, ahead):
                    pass
        finally:
            self._tasks.discard(task)
            for each in (writer, ahead):
                each.transport.abort()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind: asyncio.StreamReader,
        ahead: asyncio.StreamWriter,
    ) -> bool:
        """Handle one request, and say whether the connection is still whole."""
        head = await reader.readuntil(b"\r\n\r\n")
        if _EXPECT.search(head):  # answered here, so that a body follows in any case
            head = _EXPECT.sub(b"", head)
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = head + await _body(head, reader)
        way = self._rng.choice([*Break]) if self._rng.random() < self._rate else None
        if way is Break.REQUEST and len(request) == len(head):
            way = Break.BEFORE  # some servers, moto's among them, take half of a head for all of it
        if way is Break.BEFORE:
            return self._break(way)
        if way is Break.REQUEST:
            ahead.write(request[: self._rng.randrange(len(head), len(request))])
            await ahead.drain()
            return self._break(way)
        ahead.write(request)
        head = await behind.readuntil(b"\r\n\r\n")
        answer = head if request.startswith(b"HEAD ") else head + await _body(head, behind)
        if way is Break.BEHIND:
            return self._break(way)
        if way is Break.ANSWER:
            writer.write(answer[: self._rng.randrange(1, len(answer))])
            await writer.drain()
            return self._break(way)
        writer.write(answer)
        await writer.drain()
        self.passed += 1
        return True

    def has_broken(self, times: int) -> bool:
        """Say whether so many requests broke, and at least one in each way: few have a body to break in."""
        return self.broken.total() >= times and all(self.broken[way] for way in Break)

    def _break(self, way: Break) -> bool:
        self.broken[way] += 1
        return False


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    if length := _LENGTH.search(head):
        return await reader.readexactly(int(length[1]))
    body = b""
    while _CHUNKED.search(head):
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            break
    return body


@contextmanager
def breaking_proxy(server: str, rng: random.Random, rate: float) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own."""
    proxy = Proxy(server, rng, rate)
    started, ended = threading.Event(), asyncio.Event()
    with closing(asyncio.new_event_loop()) as loop:
        thread = threading.Thread(target=loop.run_until_complete, args=(proxy.serve(started, ended),))
        thread.start()
        started.wait()
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()
