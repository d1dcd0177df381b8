"""Those who ask the scheduler's store small questions: what exists, what its history is, what a listing shows."""

from __future__ import annotations

import random

from .._engine.handle import Handle
from .._format import naming
from .._log.ops import Protocol
from ..errors import IntegrityError, UnavailableError
from .oracle import Oracle
from .oracles import Oracles
from .world import Storage, Violation


class Looker:
    """Somebody who looks, at one session and at all of them."""

    def __init__(self, store: Handle, oracle: Oracle, oracles: Oracles, storage: Storage, draw: random.Random) -> None:
        self._store = store
        self._oracle = oracle
        self._oracles = oracles
        self._storage = storage
        self._draw = draw

    def run(self, rounds: int) -> Protocol[None]:
        """Ask again and again."""
        questions = (self._exists, self._history, self._listed, self._paged, self._heads)
        for _ in range(rounds):
            for question in self._draw.sample(questions, 2):
                try:
                    yield from question()
                except (IntegrityError, UnavailableError):
                    self._oracle.counts["disturbed"] += 1

    def _exists(self) -> Protocol[None]:
        first = self._oracle.head.seq
        lives = yield from self._store.exists(self._oracle.id)
        if lives not in {link.born > 0 for link in self._oracle.chain[first:]}:
            raise Violation("D", f"exists() said {lives}, which was never so while it looked")

    def _history(self) -> Protocol[None]:
        oracle = self._oracle
        first = oracle.head.seq
        shown = yield from self._store.history(oracle.id)
        for info in shown:
            if oracle.chain[info.seq].digest != info.digest:
                raise Violation("C", f"history() shows a commit {info.seq} that is not on the chain")
        newest = shown[0].seq if shown else 0
        promised = range(newest, max(oracle.chain[newest].floor, 1) - 1, -1)
        if newest < first or [info.seq for info in shown] != [*promised]:
            raise Violation("D", f"history() began at {newest}, or has gaps, where the head was {first}")

    def _heads(self) -> Protocol[None]:
        marks = {oracle.id: oracle.head.seq for oracle in self._oracles}
        for listed in (yield from self._store.heads(list(marks))):
            oracle = self._oracles[listed.id]
            if listed.problem is None and not any(
                link.seq == listed.seq and link.born for link in oracle.chain[marks[listed.id] :]
            ):
                raise Violation("D", f"a summary shows commit {listed.seq} of {listed.id!r}, which was not its head")
            marks.pop(listed.id)
        for id, mark in marks.items():
            if all(link.born for link in self._oracles[id].chain[mark:]):
                raise Violation("D", f"no summary of {id!r} was given, and it was always there")

    def _listed(self) -> Protocol[None]:
        lives = self._lives()
        self._check_listed(lives, (yield from self._store.list_ids("")))

    def _paged(self) -> Protocol[None]:
        lives = self._lives()
        ids: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = yield from self._store.page_of_ids("", cursor)
            ids += page.ids
            cursor = page.cursor
        self._check_listed(lives, ids)

    def _lives(self) -> dict[str, int]:
        """Give the sessions that live and that a hint says so of: id -> since when."""
        return {
            oracle.id: oracle.head.born
            for oracle in self._oracles
            if oracle.head.born and naming.index_hint(oracle.key, oracle.head.born) in self._storage.objects
        }

    def _check_listed(self, lives: dict[str, int], ids: list[str]) -> None:
        if len(set(ids)) < len(ids):
            raise Violation("D", f"a listing names a session twice: {ids}")
        for id, born in lives.items():
            if id not in ids and self._oracles[id].head.born == born:
                raise Violation("D", f"a listing lacks {id!r}, which was there all the while")
        for id in ids:
            if not any(link.born for link in self._oracles[id].chain):
                self._oracles[id].counts["listed too early"] += 1  # the hint of a first save that is under way
