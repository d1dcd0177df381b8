"""Places for the stores of frameworks, and what is asked of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from objstore import DocumentStore, Event, OperationEvent
from objstore._format.views import ObjectView
from objstore.backends import MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request, lost_answer, unavailable
from tests.places import Place


class Count:
    """What stores that report to it ask of the storage."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.sent = 0
        self.received = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, OperationEvent):
            self.asked[event.operation] += 1
            if event.operation in ("get", "read"):
                self.received += event.size
            else:
                self.sent += event.size

    @property
    def requests(self) -> int:
        """How many requests there were since the last `reset`."""
        return self.asked.total()

    def reset(self) -> None:
        """Begin anew."""
        self.asked.clear()
        self.sent = self.received = 0


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[ObjectView]:
    """The objects of documents that are looked at from now on."""
    found: list[ObjectView] = []
    made = ObjectView.__init__

    def make(self: ObjectView, value: dict[str, Any], room: int) -> None:
        found.append(self)
        made(self, value, room)

    monkeypatch.setattr(ObjectView, "__init__", make)
    return found


class Silent:
    """A place in memory that stores commits and, while it is ``silent``, never says so."""

    def __init__(self) -> None:
        self.silent = False
        self.backend = FaultyBackend(MemoryBackend.isolated(), self._choose)

    def _choose(self, request: Request) -> Fault | None:
        if not self.silent or "/log/" not in request.keys[0]:
            return None
        return lost_answer() if request.operation == "create" else unavailable()


@pytest.fixture
def open_store() -> Iterator[Callable[..., DocumentStore]]:
    """Opens stores of documents, which are closed, and verified, after the test."""
    opened: list[DocumentStore] = []
    places: list[Place] = []

    def open(place: Place, observer: Count | None = None) -> DocumentStore:
        places.append(place)
        opened.append(DocumentStore(place.target, storage_options=place.options, observer=observer))
        return opened[-1]

    yield open
    for n, store in enumerate(opened):
        if places[n] not in places[:n]:
            report = store.verify()
            assert report.ok, report.findings
        store.close()
