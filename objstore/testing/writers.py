"""Those who write one session in the scheduler's storage, each through an opened store, as programs do."""

from __future__ import annotations

import itertools
import pickle
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._engine.handle import Handle
from .._format import canonical, patching
from .._format.canonical import JSON
from .._log.loaded import Sight
from .._log.ops import Protocol
from ..errors import ConflictError, IntegrityError, NotFoundError, OutcomeUnknownError, UnavailableError
from ..models import Revision
from .oracle import Oracle
from .readers import Reader
from .world import Violation

EMPTY: Mapping[str, JSON] = {"session": None, "traces": None, "notes": None}
TEXT_LIMIT = 40
"""Bytes above which a text becomes an object in a schedule."""
_TEXTS = ("a" * 50, "b" * 60, "c" * 70)
_ITEMS: tuple[JSON, ...] = tuple({"item": n, "text": "abc"[n % 3] * 50 if n % 4 == 0 else "-" * 20} for n in range(6))

State = Mapping[str, JSON]
Expected = Callable[[State], dict[str, JSON]]
"""Given the state that a commit was put on: what it makes of the parts that it changes."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What a user has in hand: a revision, and copies of some parts that may be older than it."""

    revision: Revision
    parts: State

    def having(self, revision: Revision, **parts: JSON) -> _Held:
        return _Held(revision, {**self.parts, **parts})


class Writer(Reader):
    """Somebody who saves what is held on what was seen, and adds to whatever is there."""

    def __init__(self, store: Handle, oracle: Oracle, draw: random.Random, tokens: Iterator[int]) -> None:
        super().__init__(store, oracle, draw)
        self._tokens = tokens

    def write(self, saves: int, *, blind: bool) -> Protocol[None]:
        """Save again and again; ``blind`` without a look at first."""
        held: _Held | None = None
        for _ in range(saves):
            if held is None and not blind:
                loaded = yield from self.read()
                held = _Held(loaded.revision, loaded.parts) if loaded else None
            blind = False
            if held and self.draw.random() < 0.12:
                held = self._put_away(held)
            choice = self.draw.random()
            if held is None or choice < 0.1:
                held = yield from self._replace(first=held is None and self.draw.random() < 0.4)
            elif choice < 0.45:
                held = yield from self._edit(held)
            elif choice < 0.8:
                held = yield from self._append(held)
            elif choice < 0.9:
                held = yield from self._say(held)
            else:
                held = yield from self._restore(held)

    def go_on(self) -> Protocol[None]:
        """Save without and with a revision, as must be possible where nobody else is at work."""
        held = yield from self._replace(first=False)
        if held:
            yield from self._edit(held)

    def _put_away(self, held: _Held) -> _Held:
        """Do what becomes of a revision that is stored in a file: all but the number and the digest is forgotten."""
        revision: Revision = pickle.loads(pickle.dumps(held.revision))  # noqa: S301 - it was made here
        return _Held(revision, held.parts)

    def _own(self, held: _Held, part: str) -> JSON:
        """Give what the user takes a part for: its own copy, or else what it saw of it when its revision was made."""
        if part in held.parts:
            return held.parts[part]
        sight = held.revision.base
        if isinstance(sight, Sight) and part in sight.known:
            seen: JSON = self.oracle.meaning.plain(sight.known[part])
            return seen
        return self.oracle.state_at(held.revision.seq or 0)[part]

    # What is saved

    def _replace(self, *, first: bool) -> Protocol[_Held | None]:
        """Save whatever is there, or (first) where nothing is."""
        part = self.draw.choice(("session", "notes"))
        wish = {part: self._document(None)}
        revision, before = yield from self._saved(
            lambda key: self.store.save(self.oracle.id, wish, 0 if first else None, key), lambda _: wish, self._key()
        )
        if first and before and before[part] is not None:
            raise Violation("A", f"a first save was acknowledged over a {part!r} that was there")
        return _Held(revision, {**EMPTY, **wish} if first else wish) if revision else None

    def _edit(self, held: _Held) -> Protocol[_Held | None]:
        part = self.draw.choice(("session", "session", "session", "notes"))
        wish: dict[str, JSON] = {part: self._document(self._own(held, part))}
        if part == "notes" and self.draw.random() < 0.5:  # two parts in one commit
            wish["session"] = self._document(self._own(held, "session"))
        seen = held.revision
        base = seen.seq if not seen.partial and self.draw.random() < 0.05 else seen  # all that was kept is the number
        revision, before = yield from self._saved(
            lambda key: self.store.save(self.oracle.id, wish, base, key), lambda _: wish, self._key()
        )
        if revision and before is not None:
            self._check_seen(held, revision, before, wish)
        return held.having(revision, **wish) if revision else None

    def _check_seen(self, held: _Held, revision: Revision, before: State, parts: Mapping[str, JSON]) -> None:
        for name in parts:
            if not canonical.same(self._own(held, name), before.get(name)):
                raise Violation("A", f"an edit of {name!r} was acknowledged on a state that it had not seen")
        assert held.revision.seq
        assert revision.seq
        if self.oracle.broken_between(held.revision.seq, revision.seq):
            raise Violation("A", f"an edit of what was deleted or mended was acknowledged as commit {revision.seq}")

    def _append(self, held: _Held) -> Protocol[_Held | None]:
        item: JSON = {"token": next(self._tokens), "text": self.draw.choice(("", *_TEXTS))}
        key = self._key()

        def added(before: State) -> dict[str, JSON]:
            return {"traces": [*_items(before["traces"]), item]}

        revision: Revision | None = None
        for _ in range(3):
            chance = self.draw.random()
            if chance < 0.4:
                wish: dict[str, JSON] = {"traces": [*_items(self._own(held, "traces")), item]}
                revision, _before = yield from self._saved(
                    lambda key, w=wish, h=held: self.store.save(self.oracle.id, w, h.revision, key),  # type: ignore[misc]
                    added, key,
                )  # fmt: skip
                held = held.having(revision, **wish) if revision else held
            else:
                base = held.revision if chance < 0.5 else None
                revision, _before = yield from self._saved(
                    lambda key, b=base: self.store.derive(self.oracle.id, _Grow("traces", item), b, key),  # type: ignore[misc]
                    added, key,
                )  # fmt: skip
            if key is None or (revision and self.draw.random() < 0.7):  # with a key, try again whatever came of it
                break
        return held if revision else None

    def _say(self, held: _Held) -> Protocol[_Held | None]:
        """Add to the session itself, at the newest end, or only where that is as it was seen."""
        item: JSON = {"token": next(self._tokens), "text": self.draw.choice(_TEXTS)}
        base = held.revision if self.draw.random() < 0.6 else None

        def said(before: State) -> dict[str, JSON]:
            old = before["session"] if isinstance(before["session"], dict) else {}
            return {"session": {**old, "items": [*_items(old.get("items")), item]}}

        revision, before = yield from self._saved(
            lambda key: self.store.derive(self.oracle.id, _Grow("session", item), base, key), said, self._key()
        )
        if revision and base and before is not None:
            self._check_seen(held, revision, before, {"session": None})
        return held if revision else None

    def _restore(self, held: _Held) -> Protocol[_Held | None]:
        at = self.draw.randint(1, max(1, held.revision.seq or 1))
        self.oracle.restores = True
        revision, _ = yield from self._saved(
            lambda _: self.store.restore(self.oracle.id, at), lambda _: dict(self.oracle.state_at(at)), None
        )
        return _Held(revision, self.oracle.state_at(at)) if revision else None

    def _saved(
        self, save: Callable[[str | None], Protocol[tuple[Revision, bool]]], expected: Expected, key: str | None
    ) -> Protocol[tuple[Revision | None, State | None]]:
        """Save, and check what is said of it; also give the state that the commit was put on."""
        oracle = self.oracle
        mark = oracle.head.seq
        try:
            revision, wrote = yield from save(key)
        except ConflictError:
            oracle.counts["conflicts"] += 1
            oracle.counts["false conflicts"] += self._is_false(mark, expected)
            return None, None
        except (OutcomeUnknownError, UnavailableError) as error:
            oracle.counts["unknown" if isinstance(error, OutcomeUnknownError) else "unavailable"] += 1
            return None, None
        except (IntegrityError, NotFoundError):  # what it had begun to read was pruned under it
            oracle.counts["disturbed"] += 1
            return None, None
        if not wrote and key and oracle.is_answer(revision.seq or 0, key):
            return revision, None
        assert isinstance(revision.base, Sight)
        if not wrote:
            oracle.observed(revision.base.base, mark)
            return revision, None
        before, after = oracle.acknowledged(revision.base.base, mark)
        wanted = {**before, **expected(before)}
        for part in after:
            if not canonical.same(after[part], wanted[part]):
                raise Violation("A", f"commit {revision.seq}, acknowledged, is not what was saved in {part!r}")
        return revision, before

    def _is_false(self, mark: int, expected: Expected) -> bool:
        """Say whether what is told to conflict was committed; every save but a restore has a token of its own."""
        for below, link in itertools.pairwise(self.oracle.chain[mark:]):
            before = below.state or EMPTY
            wanted = expected(before)
            if link.state and any(
                canonical.same(link.state[part], value) and not canonical.same(before[part], value)
                for part, value in wanted.items()
            ):
                return True
        return False

    def _document(self, old: JSON) -> JSON:
        draw = self.draw
        items = _items(old.get("items")) if isinstance(old, dict) else []
        if draw.random() < 0.25:
            del items[draw.randint(0, len(items)) :]
        items += draw.choices(_ITEMS, k=draw.randint(0, 3))
        if len(items) > 12:
            del items[:6]
        return {"token": next(self._tokens), "text": draw.choice(("short", *_TEXTS)), "items": items}

    def _key(self) -> str | None:
        return f"key-{next(self._tokens)}" if self.draw.random() < 0.4 else None


@dataclass(frozen=True, slots=True)
class _Grow:
    """Adds an item to the end of a list: the part itself, or the items of the session."""

    part: str
    item: JSON

    def __call__(self, state: State) -> dict[str, Any]:
        now = state[self.part]
        if isinstance(now, list):
            return {self.part: patching.append(len(now), [self.item])}
        if isinstance(now, dict):
            items = now.get("items")
            grown = patching.append(len(items), [self.item]) if isinstance(items, list) else {"set": [self.item]}
            return {self.part: {"sub": {"items": grown}}}
        return {self.part: {"set": [self.item] if self.part == "traces" else {"items": [self.item]}}}


def _items(value: JSON) -> list[JSON]:
    return [*value] if isinstance(value, list) else []
