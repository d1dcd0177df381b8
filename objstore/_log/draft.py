"""A commit to be: what is wanted of it, and the record that is made of that on top of a head. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._format import patching
from .._format.canonical import JSON
from .._format.commit import FENCES, KEPT_KEYS, Commit, IdempotencyKey, Kind, Origin, Table
from .._format.encode import Encoder
from .._format.records import record
from .base import Base, Rules

Summarise = Callable[[Mapping[str, JSON], patching.Patch | None, Mapping[str, JSON]], dict[str, Any]]
"""Draws what a listing shows from a state, the patch that made it, if one did, and the summary of the state before."""


@record
class Draft:
    """A commit to be.

    Attributes:
        kind: ``None`` for a plain save: a patch, or a snapshot where one is due.
        patch: Of the state; ``None`` together with a ``state``, or for a tombstone.
        state: The whole new state, where it is not made by a patch.
        floor: The new floor; ``None`` keeps it.
    """

    kind: Kind | None = None
    patch: patching.Patch | None = None
    state: Mapping[str, JSON] | None = None
    floor: int | None = None
    key: str | None = None
    origin: Origin | None = None
    over: str | None = None
    unobserved: bool = False


def build(
    rules: Rules, head: Base, draft: Draft, summarise: Summarise, attempt: str, time: str
) -> tuple[Commit, str, dict[str, JSON] | None, Encoder]:
    """Make a commit, but for its digest: also give its encoded body, the new state, and who encoded that."""
    seq = head.seq + 1
    kind: Kind = draft.kind or ("snapshot" if seq % rules.interval == 1 or head.state is None else "patch")
    encoder = Encoder(head.present, head.epoch, head.leaves, rules.limits, known=head.texts)
    state: dict[str, JSON] | None = None
    body = "null"
    if draft.patch is not None:
        body, patch = encoder.patch(draft.patch)
        state = patching.apply(patch, head.parts(rules))  # type: ignore[assignment]
    elif draft.state is not None:
        state = dict(draft.state)
    if state is not None and kind != "patch":
        first = encoder
        present, leaves = joined(head.present, first.named), head.leaves.with_others(first.cut)
        encoder = Encoder(present, head.epoch, leaves, rules.limits, known=first.texts)
        body, state = encoder.state(state)
        encoder.missing |= {name: raw for name, raw in first.missing.items() if name in encoder.named}
    objects = encoder.named if kind != "patch" else {n: e for n, e in encoder.named.items() if n not in head.objects}
    goes_on = rules.lives(head.state) and draft.over is None  # else a delete may lie in between
    born = 0 if not rules.lives(state) else head.born if goes_on else seq
    keys = head.keys
    if draft.key:
        keys = (*keys, IdempotencyKey(draft.key, seq, None))[-KEPT_KEYS:]
    built = Commit(
        id=head.id, seq=seq, parent=head.digest, commit=attempt, time=time,
        epoch=_epoch(head, seq, kind),
        floor=_floor(head, seq, kind, draft.floor), born=born, kind=kind,
        keys=keys, summary=_summary(head, kind, summarise(state or {}, draft.patch, head.summary)), objects=objects,
        body=None, digest="", origin=draft.origin, over=draft.over,
    )  # fmt: skip
    return built, body, state, encoder


def _summary(head: Base, kind: Kind, summary: dict[str, Any]) -> Mapping[str, JSON]:
    """Keep of the head's summary, where the state stays, what another kind of store put into it: a document's, say."""
    return {**head.summary, **summary} if kind == "prune" else summary


def _epoch(head: Base, seq: int, kind: Kind) -> int:
    return seq if kind in FENCES else head.epoch


def _floor(head: Base, seq: int, kind: Kind, wanted: int | None) -> int:
    if kind == "delete" or head.seq == 0:
        return seq
    return max(wanted or head.floor, head.floor)  # states below the old one were given up, and their objects with them


def joined(table: Table, more: Table) -> Table:
    """Give the objects of two tables."""
    return {**table, **more} if more else table  # most saves name no object


def foresee(rules: Rules, head: Base, draft: Draft, summarise: Summarise) -> Mapping[str, tuple[int, int]]:
    """Give the objects that a commit would name, without writing it."""
    foreseen, *_ = build(rules, head, draft, summarise, "", head.time)
    return foreseen.objects
