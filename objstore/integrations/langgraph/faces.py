"""One body of code for both faces of a store: what an integration does is written once, as steps.

Steps are a generator. It yields `Ask`, a call of the store, `Work` or `Wait`, and is sent the answer; `Faces` has them
done by a `DocumentStore` for those who wait, and by its awaited face for those who await.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ... import AsyncDocumentStore, DocumentStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """A call of the store, by the name that both faces have for it."""

    call: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """Call a function that takes its time and touches nothing that others change; it must not block a loop."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until somebody sets a future, or so many seconds.

    The answer is ``False``, at once, to a call that waits where a loop runs: who sets the future may be a task of that.
    """

    future: concurrent.futures.Future[None]
    seconds: float | None = None


Steps = Generator[Ask | Work | Wait, Any, T]


class Faces:
    """An open store by both of its faces, which share its memory and connections."""

    def __init__(self, store: DocumentStore) -> None:
        self._waiting = store
        self._awaited = AsyncDocumentStore.of(store)

    def run(self, steps: Steps[T]) -> T:
        """Have steps done, and give what they return."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._perform(step)
                except BaseException as error:  # whatever it is, the steps have to know, to let go of what they hold
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value

    async def arun(self, steps: Steps[T]) -> T:
        """Have steps done without blocking the running loop, and give what they return."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._aperform(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value

    def _perform(self, step: Ask | Work | Wait) -> Any:
        if isinstance(step, Wait):
            endless = step.seconds is None and _loop_runs_here()
            return False if endless else concurrent.futures.wait([step.future], step.seconds)
        if isinstance(step, Work):
            return step.function()
        return getattr(self._waiting, step.call)(*step.args, **step.options)

    async def _aperform(self, step: Ask | Work | Wait) -> Any:
        if isinstance(step, Wait):
            return await asyncio.wait([asyncio.wrap_future(step.future)], timeout=step.seconds)
        if isinstance(step, Work):
            return await asyncio.to_thread(step.function)
        return await getattr(self._awaited, step.call)(*step.args, **step.options)


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
