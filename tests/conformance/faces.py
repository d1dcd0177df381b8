"""Stores of both faces behind calls that wait, from any thread at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, cast

import objstore
from objstore import SessionStore
from objstore.testing.store import OpenStore
from tests.places import Faces

FACES = ("sync", "async")


class _Loop:
    """Runs coroutines of any number of threads side by side on one loop, as an `asyncio.Runner` does of one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@contextmanager
def opener(face: str, *args: Any, **options: Any) -> Iterator[OpenStore]:
    """Give a function that opens a place through a face; the arguments are those of `objstore.open`."""
    if face == "sync":
        yield lambda: objstore.open(*args, **options)
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    faces = Faces(cast(asyncio.Runner, _Loop(loop)))
    opening: Callable[[], SessionStore] = lambda: faces.waiting(objstore.open_async(*args, **options))  # noqa: E731
    try:
        yield opening
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
