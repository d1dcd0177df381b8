"""What a protocol may ask of the world.

A protocol is a generator. It yields one operation, or a tuple of those on the storage to be done side by side, and is
sent the result, or a list of the results, which is its own: what it takes out of it nobody else holds any longer. It
imports no backend, no clock and no event loop, so that the same code runs under the synchronous driver, the
asynchronous one, and the scheduler of `objstore.testing` that plays out disasters.

Keys are relative to the prefix of the store: ``sessions/<key>/log/000000/0000000001``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeVar

from .._format.records import record
from ..errors import ObjstoreError, UnavailableError


@record
class Create:
    """Write a new object; never change one that is there.

    Sent back: ``True`` (it is ours), ``False`` (something is there already), or the `UnavailableError` that left the
    outcome unknown. With ``durable=False`` a local disk need not be flushed. With ``beside=True`` other objects lie in
    its directory, so that where a storage has directories and this one is gone, they are lost, and it fails.
    """

    key: str
    data: bytes
    durable: bool = True
    beside: bool = False


@record
class Upload:
    """Write a new object from a local file of any size, with bounded memory.

    Sent back: as for `Create`. Only for objects: their name says what is in them, so that it does not matter if a
    storage without a create-only end of an upload in parts writes the same bytes twice.
    """

    key: str
    path: str
    size: int


@record
class Put:
    """Write an object whether or not it is there; whole or not at all. Sent back: ``None``."""

    key: str
    data: bytes


@record
class Get:
    """Read an object.

    Sent back: its bytes, or ``None`` where there is none. Of one that is larger than ``limit`` only the first
    ``limit + 1`` bytes, which no check lets pass, so that what is no such object fills nobody's memory.
    """

    key: str
    limit: int | None = None


@record
class Read:
    """Read a range of an object.

    Sent back: at most ``length`` bytes from ``start`` on, fewer only at its end, or ``None`` where there is none.
    """

    key: str
    start: int
    length: int


@record
class List:
    """Name what lies directly in the directory that ``prefix`` begins with, and begins as the rest of ``prefix`` does.

    ``log/`` names all that lies in ``log/``, ``index/a=.`` what in ``index/`` begins with ``a=.``. Sent back: a list of
    `Entry`, in no promised order, empty where there is nothing.
    """

    prefix: str


@record
class Page:
    """Name some of the objects that `List` would name: those behind ``after``, in the order of their names.

    Sent back: `Names`. As many as the storage gives at once, or as can be held in little memory.
    """

    prefix: str
    after: str = ""


@record
class Delete:
    """Remove objects; one that is not there is no error. Sent back: ``None``."""

    keys: tuple[str, ...]


@record
class Copy:
    """Copy one object inside the storage. Sent back: ``True``, or ``False`` where the source is not there."""

    source: str
    target: str


@record
class Sync:
    """Make durable what other processes created directly below ``prefix``; only a local disk has to do anything."""

    prefix: str


@record
class Now:
    """Read both clocks. Sent back: a `Moment`."""


@record
class NewId:
    """Draw a fresh identifier. Sent back: 32 hex digits."""


@record
class Pause:
    """Wait before trying again. Sent back: ``None``."""

    seconds: float


@record
class Call:
    """Call a function where the caller is. Sent back: what it returns (awaited by the asynchronous driver).

    One that is ``blocking`` is code of ours that waits; the asynchronous driver calls it in a thread.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    blocking: bool = False


@record
class Entry:
    """One name directly below a prefix: an object with its size in bytes, or a directory (size 0)."""

    name: str
    is_directory: bool
    size: int = 0


@record
class Names:
    """Names of objects in a directory, sorted, and whether there are others behind the last of them."""

    names: list[str]
    more: bool


@record
class Moment:
    """The monotonic and the wall clock, read together, in seconds."""

    monotonic: float
    wall: float

    def age(self, then: Moment) -> float:
        """Say how long ago ``then`` was: the larger of the two differences, since a sleeping machine stops a clock."""
        return max(self.monotonic - then.monotonic, self.wall - then.wall)


StorageOp = Create | Upload | Put | Get | Read | List | Page | Delete | Copy | Sync
Op = StorageOp | Now | NewId | Pause | Call
Created = bool | UnavailableError

T = TypeVar("T")
U = TypeVar("U")
Protocol = Generator[Any, Any, T]
"""A protocol that returns a ``T``."""


def beside(one: Protocol[T], other: Protocol[U]) -> Protocol[tuple[T, U]]:
    """Run two protocols side by side: what both ask for is asked at once. An error ends both."""
    protocols: tuple[Protocol[Any], ...] = (one, other)
    results: list[Any] = [None, None]
    sends: dict[int, Callable[[], Any]] = {n: partial(next, protocol) for n, protocol in enumerate(protocols)}
    while True:
        asked: dict[int, Any] = {}
        for n, send in sends.items():
            try:
                asked[n] = send()
            except StopIteration as stop:
                results[n] = stop.value
        if not asked:
            return results[0], results[1]
        several = {n: op if isinstance(op, tuple) else (op,) for n, op in asked.items()}
        answers = iter((yield tuple(op for ops in several.values() for op in ops)))
        for n, ops in several.items():
            found = [next(answers) for _ in ops]
            sends[n] = partial(protocols[n].send, found if isinstance(asked[n], tuple) else found[0])
        sends = {n: sends[n] for n in asked}


def through(protocol: Protocol[T], ask: Callable[[Any], Protocol[Any]]) -> Protocol[T]:
    """Run a protocol whose requests another protocol asks, each by itself: it gives the answer, or fails instead."""
    send: Callable[[], Any] = partial(next, protocol)
    while True:
        try:
            asked = send()
        except StopIteration as stop:
            value: T = stop.value
            return value
        try:
            answer = yield from ask(asked)
        except ObjstoreError as error:
            send = partial(protocol.throw, error)
        else:
            send = partial(protocol.send, answer)
