"""Objects of frameworks whose calls are awaited, called from tests that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Of = TypeVar("Of")


class Waiting(Generic[Of]):
    """An object whose coroutines are run to their end when they are called."""

    def __init__(self, inner: Of, runner: asyncio.Runner) -> None:
        self.inner = inner
        self._loop = runner.get_loop()  # the runner itself shows, and so formats, each of its tasks

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine in the same loop."""
        return self._loop.run_until_complete(coroutine)

    def at_once(self, call: str, arguments: Sequence[Any]) -> list[Any]:
        """Make one call with each of some arguments, all at the same time; give answers and exceptions."""

        async def gather() -> list[Any]:
            calls = (getattr(self.inner, call)(argument) for argument in arguments)
            return await asyncio.gather(*calls, return_exceptions=True)

        return self._loop.run_until_complete(gather())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self.inner, name)
        return lambda *args, **kwargs: self._loop.run_until_complete(call(*args, **kwargs))
