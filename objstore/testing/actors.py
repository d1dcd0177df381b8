"""Those who read and write one session in the scheduler's storage: each is a protocol made of the real ones.

An actor tells the oracle what it was told, at the very moment it learns of it. What it may be told besides success
(a conflict, an unknown outcome) is counted; whatever else is raised ends the schedule as a bug.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .._format import canonical, patching
from .._format.canonical import JSON
from .._log import chain, save, session
from .._log.base import Base, Rules
from .._log.change import Change, Derive, Edit, Replace
from .._log.ops import Protocol
from .._log.save import Saved
from ..errors import ConflictError, IntegrityError, NotFoundError, OutcomeUnknownError, UnavailableError
from .oracle import Oracle
from .world import Violation

EMPTY: Mapping[str, JSON] = {"session": None, "traces": None, "notes": None}
TEXT_LIMIT = 40
"""Bytes above which a text becomes an object in a schedule."""
_TEXTS = ("a" * 50, "b" * 60, "c" * 70)
_ITEMS: tuple[JSON, ...] = tuple({"item": n, "text": "abc"[n % 3] * 50 if n % 4 == 0 else "-" * 20} for n in range(6))


@dataclass(frozen=True, slots=True)
class _Held:
    """What a user has in hand.

    Attributes:
        memory: What the user's store remembers as the head; additions go on top of it.
        base: What the user's revision vouches for, but for the parts in ``known``.
        known: Parts that the user holds otherwise than they stand at ``base``.
        parts: The user's own copies.
    """

    memory: Base
    base: Base
    known: Mapping[str, JSON]
    parts: Mapping[str, JSON]


class Actors:
    """Makes the actors of one schedule; they share the oracle and the source of choices."""

    def __init__(self, id: str, rules: Rules, oracle: Oracle, draw: random.Random) -> None:
        self._id = id
        self._rules = rules
        self._oracle = oracle
        self._draw = draw
        self._tokens = 0

    # Readers

    def reader(self, rounds: int, *, warm: bool) -> Protocol[None]:
        """Read the head again and again, with or without a memory, and sometimes an older commit."""
        base: Base | None = None
        for _ in range(rounds):
            if self._draw.random() < 0.3:
                yield from self._at_a_number()
            base = yield from self.read(base if warm else None)

    def read(self, base: Base | None) -> Protocol[Base | None]:
        """Read the head with what is remembered, and again when what it had begun to read was pruned under it."""
        for _ in range(3):
            mark = self._oracle.head.seq
            try:
                base = yield from (chain.follow(self._rules, base) if base else chain.load(self._rules, self._id))
                yield from session.resolve(base, list((base.state or {}).values()))
            except IntegrityError:  # what it had begun to read was pruned under it
                self._oracle.counts["disturbed"] += 1
                base = None
                continue
            except UnavailableError:
                return None
            self._oracle.observed(base, mark)
            return base
        return None

    def _at_a_number(self) -> Protocol[None]:
        first = self._oracle.head
        wanted = self._draw.randint(1, first.seq + 1)
        try:
            base = yield from chain.load(self._rules, self._id, at=wanted)
        except NotFoundError:
            if self._oracle.head.floor <= wanted <= first.seq:
                raise Violation("D", f"commit {wanted} was retained all the time and not found") from None
            return
        except (IntegrityError, UnavailableError):
            return
        if wanted < first.floor and not self._oracle.damaged:  # a head that cannot be read does not tell its floor
            raise Violation("C", f"commit {wanted} was given, though the floor was {first.floor} already")
        self._oracle.committed(base)

    def looker(self, rounds: int) -> Protocol[None]:
        """Ask the small questions: does it exist, what is its history."""
        for _ in range(rounds):
            first = self._oracle.head.seq
            try:
                lives = yield from session.exists(self._id)
                if lives not in {link.born > 0 for link in self._oracle.chain[first:]}:
                    raise Violation("D", f"exists() said {lives}, which was never so while it looked")
                for info in (yield from session.history(self._id)):
                    if self._oracle.chain[info.seq].digest != info.digest:
                        raise Violation("C", f"history() shows a commit {info.seq} that is not on the chain")
            except (IntegrityError, UnavailableError):
                self._oracle.counts["disturbed"] += 1

    # Writers

    def writer(self, saves: int, *, blind: bool) -> Protocol[None]:
        """Save again and again: what is held on what was seen, what is added on whatever is there."""
        held: _Held | None = None
        for _ in range(saves):
            if held is None and not blind:
                base = yield from self.read(None)
                if base is None:
                    return
                held = _Held(base, base, {}, base.parts(self._rules))
            if held and held.base.seq and self._draw.random() < 0.08:
                held = yield from self._pickled(held)
            choice = self._draw.random()
            if held is None or choice < 0.1:
                held = yield from self._replace(held)
            elif choice < 0.5:
                held = yield from self._edit(held)
            elif choice < 0.9:
                held = yield from self._append(held)
            else:
                held = yield from self._restore(held)
            blind = False

    def _pickled(self, held: _Held) -> Protocol[_Held | None]:
        """Do what a revision does that was stored in a file: forget all but the number and the digest."""
        try:
            base = yield from session.at_revision(self._rules, self._id, held.base.seq, held.base.digest)
        except (ConflictError, IntegrityError, UnavailableError):
            return None
        return None if held.known else _Held(held.memory, base, {}, held.parts)

    def _replace(self, held: _Held | None) -> Protocol[_Held | None]:
        part = self._draw.choice(("session", "notes"))
        wish = {part: self._document(None)}
        saved, _ = yield from self._saved(Replace(wish), held.memory if held else None, wish, self._key())
        return _Held(saved.base, saved.base, saved.known, dict(wish)) if saved else None

    def _edit(self, held: _Held) -> Protocol[_Held | None]:
        seen = {**held.base.parts(self._rules), **held.known}
        own = {**seen, **held.parts}
        part = self._draw.choice(("session", "session", "session", "notes"))
        wish: dict[str, JSON] = {part: self._document(own[part])}
        if part == "notes" and self._draw.random() < 0.5:  # two parts in one commit
            wish["session"] = self._document(own["session"])
        saved, before = yield from self._saved(Edit(seen, wish, frozenset(held.known)), held.base, wish, self._key())
        for name in wish if before else ():
            assert before
            if not canonical.same(self._oracle.plain(own[name]), before.get(name)):
                raise Violation("A", f"an edit of {name!r} was acknowledged on a state that it had not seen")
        if (
            saved
            and before is not None
            and held.base.seq
            and self._oracle.broken_between(held.base.seq, saved.base.seq)
        ):
            raise Violation("A", f"an edit of what was deleted or mended was acknowledged as commit {saved.base.seq}")
        return _Held(saved.base, saved.base, saved.known, {**held.parts, **wish}) if saved else None

    def _append(self, held: _Held) -> Protocol[_Held | None]:
        item: JSON = {"token": self._token(), "text": self._draw.choice(("", *_TEXTS))}
        key = self._key()
        for _ in range(3):
            if self._draw.random() < 0.4:
                seen = {**held.base.parts(self._rules), **held.known}
                own = {**seen, **held.parts}["traces"] or []
                assert isinstance(own, list)
                change: Change = Edit(seen, {"traces": [*own, item]}, frozenset(held.known))
                saved, _ = yield from self._saved(change, held.base, {"traces": [item]}, key)
                if saved:
                    held = _Held(saved.base, saved.base, saved.known, {**held.parts, "traces": [*own, item]})
            else:
                saved, _ = yield from self._saved(
                    Derive(lambda s: _appended(s, item)), held.memory, {"traces": [item]}, key
                )
                if saved:
                    held = replace(held, memory=saved.base)
            if key is None or (saved and self._draw.random() < 0.7):  # with a key, try again whatever came of it
                break
        return held if saved else None

    def _restore(self, held: _Held) -> Protocol[_Held | None]:
        at = self._draw.randint(1, max(1, held.base.seq))
        try:
            old = yield from chain.load(self._rules, self._id, at=at)
            if old.state is None:
                return held
            yield from session.resolve(old, list(old.state.values()))
        except (NotFoundError, IntegrityError, UnavailableError):
            return None
        wish = {"session": old.state["session"]}
        saved, _ = yield from self._saved(Replace(wish), held.memory, wish, None)
        return _Held(saved.base, saved.base, saved.known, dict(wish)) if saved else None

    def _saved(
        self, change: Change, base: Base | None, wish: Mapping[str, JSON], key: str | None
    ) -> Protocol[tuple[Saved | None, dict[str, JSON] | None]]:
        """Save, and check what is said of it; also give the state that the commit was put on."""
        oracle = self._oracle
        mark = oracle.head.seq
        try:
            saved = yield from save.save(self._rules, self._id, change, base, key=key, summarise=summarise)
        except ConflictError:
            oracle.counts["conflicts"] += 1
            return None, None
        except (OutcomeUnknownError, UnavailableError) as error:
            oracle.counts["unknown" if isinstance(error, OutcomeUnknownError) else "unavailable"] += 1
            return None, None
        except (IntegrityError, NotFoundError):  # what it had begun to read was pruned under it
            oracle.counts["disturbed"] += 1
            return None, None
        if not saved.wrote and key and any(k.key == key for k in saved.base.keys):
            oracle.answered(saved.base.seq, key)
            return saved, None
        if not saved.wrote:
            oracle.observed(saved.base, mark)
            return saved, None
        before, after = oracle.acknowledged(saved.base, mark)
        for part in after:
            wanted: JSON = before.get(part)
            if part in wish:
                wanted = oracle.plain(wish[part])
                if part == "traces":
                    wanted = [*(before[part] or []), *wanted]  # type: ignore[misc]
            if not canonical.same(after[part], wanted):
                raise Violation("A", f"commit {saved.base.seq}, acknowledged, is not what was saved in {part!r}")
        return saved, before

    def _document(self, old: JSON) -> JSON:
        draw = self._draw
        items: list[JSON] = list(old["items"]) if isinstance(old, dict) else []  # type: ignore[arg-type]
        if draw.random() < 0.25:
            del items[draw.randint(0, len(items)) :]
        items += draw.choices(_ITEMS, k=draw.randint(0, 3))
        if len(items) > 12:
            del items[:6]
        return {"token": self._token(), "text": draw.choice(("short", *_TEXTS)), "items": items}

    def _token(self) -> int:
        self._tokens += 1
        return self._tokens

    def _key(self) -> str | None:
        return f"key-{self._token()}" if self._draw.random() < 0.4 else None


def _appended(state: Mapping[str, JSON], item: JSON) -> dict[str, patching.Patch]:
    traces = state["traces"]
    return {"traces": patching.append(len(traces), [item]) if isinstance(traces, list) else {"set": [item]}}


def summarise(*_: object) -> dict[str, JSON]:
    """Tell nothing of a state in listings."""
    return {}
