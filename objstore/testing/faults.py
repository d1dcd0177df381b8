"""A backend in which things go wrong on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .._log.ops import Entry, Names
from ..backends.base import Backend, Capabilities
from ..errors import PermissionDeniedError, UnavailableError
from ..lock import Lock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a backend.

    Attributes:
        operation: The name of the method.
        keys: The keys or the prefix that it is about.
        number: How many calls of this method came before, from 0.
    """

    operation: str
    keys: tuple[str, ...]
    number: int


@dataclass(frozen=True, slots=True)
class FailBefore:
    """Raise, and do nothing. A ``BaseException`` that no code catches is a crash."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class FailAfter:
    """Do the work, then raise: the answer is lost on its way, or the program crashes behind it."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Wait:
    """Call this first, and go on when it returns: an `threading.Event.wait`, a barrier."""

    until: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Tear:
    """Store only the first ``length`` bytes of a create, an upload, a put or a copy, and report success or raise.

    Where there is a ``part`` it is that part of the bytes, for one who does not know how many there are.
    """

    length: int = 0
    error: BaseException | None = None
    part: float | None = None


Fault = FailBefore | FailAfter | Wait | Tear


def unavailable() -> FailBefore:
    """Make the storage not answer a request, which does not arrive."""
    return FailBefore(UnavailableError("a fault was asked for: the request is lost"))


def lost_answer() -> FailAfter:
    """Make the storage do what it is asked, and lose its answer."""
    return FailAfter(UnavailableError("a fault was asked for: the answer is lost"))


def refused() -> FailBefore:
    """Make the storage refuse for want of permission."""
    return FailBefore(PermissionDeniedError("a fault was asked for: the request is refused"))


class FaultyBackend:
    """A backend around another one, which asks before each request what shall go wrong.

    Args:
        inner: The backend that does the work; wrap an asynchronous one in `objstore.testing.blocking.blocking`.
        choose: Called with each request, from whichever thread makes it; ``None`` lets it pass.

    Attributes:
        requests: All that was asked for, in order. Who empties it has the numbers begin at 0 again.
    """

    def __init__(self, inner: Backend, choose: Callable[[Request], Fault | None] = lambda _: None) -> None:
        self._inner = inner
        self._choose = choose
        self.requests: list[Request] = []
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The name of the inner backend."""
        return self._inner.name

    @property
    def capabilities(self) -> Capabilities:
        """The promises of the inner backend."""
        return self._inner.capabilities

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        """Create, or fail as chosen."""
        return self._do(
            "create", (key,), lambda kept: self._inner.create(key, kept, durable=durable, beside=beside), data
        )

    def upload(self, key: str, path: str) -> bool:
        """Upload, or fail as chosen; reads the whole file, so that it can be torn."""
        data = Path(path).read_bytes()

        def upload(kept: bytes) -> bool:
            return self._inner.upload(key, path) if len(kept) == len(data) else self._inner.create(key, kept)

        return self._do("upload", (key,), upload, data)

    def put(self, key: str, data: bytes) -> None:
        """Put, or fail as chosen."""
        self._do("put", (key,), lambda kept: self._inner.put(key, kept), data)

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Get, or fail as chosen."""
        return self._do("get", (key,), lambda _: self._inner.get(key, limit))

    def read(self, key: str, start: int, length: int) -> bytes | None:
        """Read, or fail as chosen."""
        return self._do("read", (key,), lambda _: self._inner.read(key, start, length))

    def list(self, prefix: str) -> list[Entry]:
        """List, or fail as chosen."""
        return self._do("list", (prefix,), lambda _: self._inner.list(prefix))

    def page(self, prefix: str, after: str) -> Names:
        """Give a page of names, or fail as chosen."""
        return self._do("page", (prefix,), lambda _: self._inner.page(prefix, after))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete, or fail as chosen."""
        self._do("delete", tuple(keys), lambda _: self._inner.delete(keys))

    def copy(self, source: str, target: str) -> bool:
        """Copy, or fail as chosen; reads the source, so that the copy can be torn."""
        data = self._inner.get(source) or b""

        def copy(kept: bytes) -> bool:
            if len(kept) == len(data):
                return self._inner.copy(source, target)
            self._inner.put(target, kept)
            return True

        return self._do("copy", (source, target), copy, data)

    def sync(self, prefix: str) -> None:
        """Sync, or fail as chosen."""
        self._do("sync", (prefix,), lambda _: self._inner.sync(prefix))

    def close(self) -> None:
        """Close the inner backend."""
        self._inner.close()

    def _do(self, operation: str, keys: tuple[str, ...], work: Callable[[bytes], T], data: bytes = b"") -> T:
        with self._lock:
            if not self.requests:  # or no longer
                self._counts.clear()
            request = Request(operation, keys, self._counts[operation])
            self._counts[operation] += 1
            self.requests.append(request)
        match self._choose(request):
            case FailBefore(error):
                raise error
            case FailAfter(error):
                work(data)
                raise error
            case Wait(until):
                until()
                return work(data)
            case Tear(length, error, part):
                done = work(data[: length if part is None else int(len(data) * part)])
                if error is not None:
                    raise error
                return done
            case None:
                return work(data)
