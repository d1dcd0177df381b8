"""What a listing shows of a session."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from .._log.listing import Listed, at_second


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session as a listing shows it, read without its conversation.

    Attributes:
        id: The session.
        seq: The number of its newest commit; ``None`` in the tree layout.
        saved_at: When that was written, by the writer's clock, in UTC.
        name: The first 120 characters of its name.
        state: ``Active``, ``Paused`` ...
        parent_id: The session that it was started from.
        model: What the costs are of.
        messages: How many messages it has.
        turns: How many of them are a user's own.
        tokens: Tokens used in all.
        cost: Costs in all, in US dollars.
        created_at: As the session says; the beginning of 1970 where that is a second that no calendar has.
        updated_at: The same.
        artifacts: How many artifacts it has; the same for the next three.
        size: Bytes that it takes in the storage, its history and left-overs included; ``None`` where that was not
            looked up.
        problem: Why its newest commit cannot be read, if so; the rest is that of the newest one that can. See
            `SessionStore.repair`.
    """

    id: str
    seq: int | None
    saved_at: datetime.datetime
    name: str
    state: str
    parent_id: str | None
    model: str | None
    messages: int
    turns: int
    tokens: int
    cost: float
    created_at: datetime.datetime
    updated_at: datetime.datetime
    artifacts: int
    traces: int
    runs: int
    verification: int
    size: int | None = None
    problem: str | None = None


def summary_of(listed: Listed) -> SessionSummary:
    """Read a summary; what an older writer left out counts as nothing."""
    found = dict(listed.summary)

    def number(name: str) -> int:
        value = found.get(name)
        return value if isinstance(value, int) else 0

    def text(name: str) -> str | None:
        value = found.get(name)
        return value if isinstance(value, str) else None

    return SessionSummary(
        id=listed.id,
        seq=listed.seq,
        saved_at=listed.time,
        name=text("name") or "",
        state=text("state") or "Unknown",
        parent_id=text("parent_id"),
        model=text("model"),
        messages=number("messages"),
        turns=number("turns"),
        tokens=number("tokens"),
        cost=_cost(found.get("cost")),
        created_at=at_second(number("created_at")),
        updated_at=at_second(number("updated_at")),
        artifacts=number("artifacts"),
        traces=number("traces"),
        runs=number("runs"),
        verification=number("verification"),
        size=listed.size,
        problem=listed.problem,
    )


def _cost(value: object) -> float:
    try:
        return float(value) if isinstance(value, (int, float)) else 0.0
    except OverflowError:  # an integer of hundreds of digits, which no float holds
        return 0.0
