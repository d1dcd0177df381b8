"""The rules of the log layout, taken away one by one, to show that the scheduler would notice.

Each ablation replaces one small function or constant of the real code, as one might do by mistake or to save a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import Any, Final

from .._care import prune, repair
from .._engine import handle
from .._engine.handle import Handle
from .._format.commit import Commit, Table, pairs_of
from .._log import assembling, chain, draft, fork, head, land, reading, save, session
from .._log.base import Base, Rules
from .._log.change import Change
from .._log.draft import Draft, Summarise
from .._log.ops import Copy, Delete, List, Moment, Now, Protocol
from .._log.save import Saved
from ..errors import IntegrityError
from ..models import Revision


@dataclass(frozen=True, slots=True)
class Ablation:
    """A rule that is taken away.

    Attributes:
        lost: What no longer holds.
        patches: Module or class, name and what stands there instead.
        grace: P in place of that of the rules, if it is that which changes.
        damage: Whether it takes damaged commits to show.
    """

    lost: str
    patches: tuple[tuple[ModuleType | type, str, object], ...] = ()
    grace: float | None = None
    damage: bool = False

    def rules(self, rules: Rules) -> Rules:
        """Give the constants of the store without the rule."""
        return rules if self.grace is None else replace(rules, grace=self.grace)


@contextmanager
def replaced(*patches: tuple[ModuleType | type, str, object]) -> Iterator[None]:
    """Put other values in place of attributes of modules while the block runs."""
    old = [(module, name, getattr(module, name)) for module, name, _ in patches]
    try:
        for module, name, value in patches:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in old:
            setattr(module, name, value)


def _never(*_: object) -> bool:
    return False


def _always(*_: object) -> bool:
    return True


def _young(rules: Rules, observed: Moment | None, now: Moment, is_old: Any = head.is_old) -> bool:
    return bool(is_old(rules, observed, now))


def _age_of_base(rules: Rules, base: Base, now: Moment) -> bool:
    return _young(rules, base.observed, now)


def _epoch_zero(head: Base, seq: int, kind: str) -> int:  # noqa: ARG001
    return 0


def _fallen_floor(head: Base, seq: int, kind: str, wanted: int | None) -> int:  # noqa: ARG001
    return seq if kind == "delete" or head.seq == 0 else 1


def _sweep_to_the_end(key: str, epoch: int, keep: frozenset[tuple[int, str]]) -> Protocol[list[str]]:
    return (yield from _SWEEP(key, epoch + 1, keep))


def _sweep_first(rules: Rules, head: Base, wanted: Draft, summarise: Summarise) -> Protocol[Base]:
    if wanted.kind == "prune":
        yield from _SWEEP(head.key, head.seq + 1, pairs_of(head.objects))
    return (yield from _COMMIT(rules, head, wanted, summarise))


def _remove(key: str, _: bytes) -> Delete:
    return Delete((key,))


def _no_lists(_: str) -> tuple[()]:
    return ()


def _clock_after(rules: Rules, key: str) -> Protocol[tuple[Moment, int]]:
    newest = yield from head.find_whole(rules, key)
    return (yield Now()), newest


def _unbroken(first: Base, head: Base) -> Protocol[bool]:  # noqa: ARG001
    return False
    yield


def _forgotten(rules: Rules, id: str, seq: int, digest: str) -> Protocol[Base | None]:  # noqa: ARG001
    return None
    yield


def _whatever_lies_between(
    rules: Rules,  # noqa: ARG001
    base: Base,
    head: int,
    target: int,
    data: Mapping[int, bytes | None],
) -> Protocol[Commit]:
    for n in range(head - 1, target - 1, -1):
        found = data[n] if n in data else (yield from reading.read_commits(base, [n]))[n]
        with suppress(IntegrityError):
            if commit := reading.parse(base, n, found):
                return commit
    raise IntegrityError("nothing below can be read", base.key)


def _whoever_is_retained(rules: Rules, id: str, at: int | None = None, *, surely: bool = False) -> Protocol[Base]:  # noqa: ARG001
    return (yield from chain.load(rules, id, at=at))


def _no_answer(rules: Rules, head: Base, key: str, change: Change) -> Saved | None:  # noqa: ARG001
    return None


def _into_epoch_zero(rules: Rules, origin: Base, target: Base, needed: Table) -> Protocol[dict[str, tuple[int, int]]]:
    return (yield from _FORK_COPY(rules, origin, replace(target, epoch=0), needed))


def _copying(told: Callable[[object, Any], Any]) -> Callable[..., Protocol[dict[str, tuple[int, int]]]]:
    """Copy for a fork that is told something else in answer to what it asks."""

    def copying(rules: Rules, origin: Base, target: Base, needed: Table) -> Protocol[dict[str, tuple[int, int]]]:
        protocol = _FORK_COPY(rules, origin, target, needed)
        answer: Any = None
        while True:
            try:
                asked = protocol.send(answer)
            except StopIteration as stop:
                copied: dict[str, tuple[int, int]] = stop.value
                return copied
            answer = told(asked, (yield asked))

    return copying


def _all_copied(asked: object, answer: Any) -> Any:
    return [True] * len(asked) if isinstance(asked, tuple) and all(isinstance(op, Copy) for op in asked) else answer


def _nothing_there(asked: object, answer: Any) -> Any:
    return [] if isinstance(asked, List) else answer


def _all_seen(self: Handle, base: Base, known: Any, stale: frozenset[str] = frozenset()) -> Revision:  # noqa: ARG001
    return _REVISION(self, base, {})


def _nothing_stale(id: str, base: Revision, stale: frozenset[str], parts: Any) -> None:
    pass


def _left_where_it_is(rules: Rules, base: Base, epoch: int, names: list[str]) -> Protocol[Table]:  # noqa: ARG001
    return {name: base.present[name] for name in names}
    yield


_FORK_COPY: Final = fork._copy
_REVISION: Final = Handle._revision
_SWEEP: Final = session.sweep
_COMMIT: Final = land.commit
_SWEPT_TO_THE_END: Final = ((session, "sweep", _sweep_to_the_end), (prune, "sweep", _sweep_to_the_end))

ABLATIONS: Final = MappingProxyType(
    {
        "verify": Ablation("an old save checks that it is on the chain", ((land, "is_old", _never),)),
        "first-list": Ablation("a first save looks what is there", ((land, "head_ops", _no_lists),)),
        "grace": Ablation("a number is freed only when no writer can believe in it any more", grace=0.0),
        "parents": Ablation(
            "a commit names the one below it by its digest",
            tuple((module, "stands_on", _always) for module in (chain, land, session)),
        ),
        "old-list": Ablation(
            "a reader does not believe an old list",
            (
                *((module, "is_old", _never) for module in (head, chain)),
                (chain, "too_old_to_follow", _age_of_base),
            ),
        ),
        "follow": Ablation("a reader follows only what it saw lately", ((chain, "too_old_to_follow", _never),)),
        "clock-after": Ablation("the clock is read before the observation", ((chain, "_observe", _clock_after),)),
        "epochs": Ablation(
            "what is swept comes back under another key",
            ((draft, "_epoch", _epoch_zero), *_SWEPT_TO_THE_END),
        ),
        "current-epoch": Ablation(
            "the current epoch is not swept",
            _SWEPT_TO_THE_END,
        ),
        "sweep-first": Ablation("nothing is swept before a prune is acknowledged", ((prune, "commit", _sweep_first),)),
        "floor": Ablation("the floor never falls", ((draft, "_floor", _fallen_floor),)),
        "present": Ablation("what a prune swept does not count as stored", ((assembling, "FENCES", ()),)),
        "stubs": Ablation("a purge leaves stubs", ((prune, "Put", _remove),)),
        "tombstones": Ablation("a tombstone changes every part", ((save, "broken", _unbroken),)),
        "slept": Ablation("an addition whose fate is not known is not repeated", ((save, "_after_sleep", _forgotten),)),
        "surely": Ablation(
            "who slept asks what is retained of a head that can be read",
            ((save, "load", _whoever_is_retained),),
            damage=True,
        ),
        "gap": Ablation(
            "below a damaged head only that counts to which an unbroken row of numbers leads",
            ((chain, "_newest_readable", _whatever_lies_between),),
            damage=True,
        ),
        "keys": Ablation("an idempotency key is looked for in each head", ((save, "_answer", _no_answer),)),
        "fork-epoch": Ablation(
            "a fork copies into the epoch of its target's tombstone", ((fork, "_copy", _into_epoch_zero),)
        ),
        "fork-copies": Ablation("a fork makes sure of each copy", ((fork, "_copy", _copying(_all_copied)),)),
        "fork-streams": Ablation(
            "a fork copies over nothing that is there already", ((fork, "_copy", _copying(_nothing_there)),)
        ),
        "unseen": Ablation("a revision says what its holder has not seen", ((Handle, "_revision", _all_seen),)),
        "stale": Ablation(
            "what its holder saw instead is asked for where it is lost",
            ((handle, "_check_stale", _nothing_stale),),
        ),
        "set-aside": Ablation(
            "what goes on is stored again above the fences that are passed over",
            ((repair, "_carried", _left_where_it_is),),
            damage=True,
        ),
    }
)
"""Name -> what the scheduler must notice."""


@contextmanager
def ablated(name: str | None) -> Iterator[Callable[[Rules], Rules]]:
    """Take a rule away while the block runs; gives what changes the constants of the store accordingly."""
    if name is None:
        yield lambda rules: rules
        return
    ablation = ABLATIONS[name]
    with replaced(*ablation.patches):
        yield ablation.rules
