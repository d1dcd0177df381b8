"""What stands between an actor of the scheduler and the storage, and loses, delays and repeats what is sent."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from typing import Any

from .._log.ops import Copy, Create, Delete, Entry, Get, List, Names, Op, Page, Put
from ..errors import UnavailableError
from .machines import Actor, Listing, Luck
from .oracles import Oracles
from .world import Storage


class Network:
    """Does what actors ask for, well or badly.

    A list that takes several requests shows each of its pages at another moment: in the order of the names, as object
    storages do, or in an order of its own, as a directory on disk.

    Attributes:
        late: Requests that nobody waits for any more and that will land at some time.
        steps: How many operations were done.
        pages: How many pages of lists were not the last.
    """

    def __init__(self, storage: Storage, oracles: Oracles, draw: random.Random, luck: Luck) -> None:
        self._storage = storage
        self._oracles = oracles
        self._draw = draw
        self._luck = luck
        self._order: Callable[[str], Any] = _hashed if luck.scans else str
        self.late: list[Create | Put | Delete | Copy] = []
        self.steps = 0
        self.pages = 0

    def faulty(self, actor: Actor, op: Op | Listing) -> Any:
        """Do an operation, or what a network makes of it."""
        luck, chance = self._luck, self._draw.random()
        if not isinstance(op, (Create, Put, Delete, Copy)):
            if chance < luck.failed:
                actor.error = UnavailableError("no answer")
                return actor.error
            return self.perform(op)
        if chance < luck.late:  # given up by its sender, and still on its way
            self.late.append(op)
            return self._unanswered(actor, op)
        chance -= luck.late
        result = self.perform(op)
        if chance < luck.lost:
            return self._unanswered(actor, op)
        if chance < 2 * luck.lost:  # a client library that resends by itself hears "exists" of its own success
            return self.perform(op)
        if chance < 2 * luck.lost + luck.twice:
            self.late.append(op)
        return result

    def has(self, key: str) -> bool:
        """Say whether there is such an object."""
        return key in self._storage.objects

    def _unanswered(self, actor: Actor, op: Op) -> UnavailableError:
        error = UnavailableError("no answer")
        if not isinstance(op, Create):
            actor.error = error
        return error

    def perform(self, op: Op | Listing) -> Any:
        """Do an operation, and give what the storage answers; of a list that goes on ``None``."""
        self.steps += 1
        match op:
            case Get():
                return self._storage.objects.get(op.key)
            case Listing():
                return self._listed(op)
            case List():
                return self._storage.list(op.prefix)
            case Page():
                return self._page(op)
            case Create():
                return self._oracles.create(op.key, op.data)
            case Put():
                self._oracles.put(op.key, op.data)
            case Delete():
                for key in op.keys:
                    self._oracles.delete(key)
            case Copy():
                return self._oracles.copy(op.source, op.target)
            case _:
                raise TypeError(f"the scheduler cannot do {op!r}")
        return None

    def _listed(self, listing: Listing) -> list[Entry] | None:
        entries, page = self._storage.list(listing.prefix), self._luck.page
        if page is None:
            return entries
        order = self._order
        behind = sorted(
            (entry for entry in entries if listing.behind is None or order(entry.name) > listing.behind),
            key=lambda entry: order(entry.name),
        )
        listing.found += behind[:page]
        if len(behind) <= page:
            return listing.found
        self.pages += 1
        listing.behind = order(behind[page - 1].name)
        return None

    def _page(self, op: Page) -> Names:
        objects = (entry.name for entry in self._storage.list(op.prefix) if not entry.is_directory)
        names = sorted(name for name in objects if name > op.after)
        page = self._luck.page or len(names)
        return Names(names[:page], more=len(names) > page)


def _hashed(name: str) -> int:
    return zlib.crc32(name.encode())
