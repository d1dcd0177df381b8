"""What is known of a session at one of its commits, and the constants that the protocols go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from .._format import naming
from .._format.canonical import JSON
from .._format.commit import IdempotencyKey, Table
from .._format.records import record
from .._format.state import Leaves, Limits, Texts
from .._format.zstd import Compressors
from .ops import Moment, Protocol, Sync

INTERVAL: Final = 32
"""Every how many commits a snapshot is due in a new store."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The constants of a store, and the compressors that its writers take turns with.

    Attributes:
        interval: A snapshot is due at every number n with ``n % interval == 1``; fixed by the store's marker.
        patience: W, seconds after which knowledge of the head is checked again.
        grace: P, seconds before the number of a commit below the floor may be freed.
        limits: Part -> bytes above which a text of it becomes an object.
        appendable: Parts to whose ends two writers may add at once.
        empty: The state of a session that was never saved.
        main: The part that makes a session exist; ``None``: any part does.
        streams: Whether raw bytes stay references when a state is read, since they may be too big for the memory.
        tearable: Whether a write that breaks off may leave half an object; then there is one writer, and a newest
            commit whose end is missing is a save that crashed.
    """

    interval: int = INTERVAL
    patience: float = 15 * 60
    grace: float = 24 * 3600
    limits: Limits = field(default_factory=dict)
    appendable: frozenset[str] = frozenset()
    empty: Mapping[str, JSON] = field(default_factory=dict)
    main: str | None = None
    streams: bool = False
    tearable: bool = False
    compressors: Compressors = field(default_factory=Compressors, compare=False, repr=False)

    @property
    def reach(self) -> int:
        """Say how far down the next snapshot is looked for at once, whatever a marker says."""
        return min(self.interval, naming.GROUP)

    def lives(self, state: Mapping[str, JSON] | None) -> bool:
        """Say whether a state has a session: its main part, or any part where none is the main one.

        A part of a name that is none of a session's is one of a document, which whoever opens the store as one of
        sessions, as the command line does, must not take for nothing.
        """
        if state is None:
            return False
        return any(value is not None for part, value in state.items() if part == self.main or part not in self.empty)


@record
class Base:
    """What is known of a session at one of its commits.

    Attributes:
        seq: The commit's number, 0 where there is no log.
        state: The state there, or ``None`` under a tombstone and where there is no log.
        objects: The objects that the state needs.
        present: Objects that are known to be stored: those of all commits that were read at or above the floor.
        observed: When it was last seen to be the head; ``None`` where that is not known, which counts as long ago.
        weight: Bytes of the commits that the state was read from or saved with.
        hinted: Whether this handle has created the session's hint.
        durable: Whether it is known to survive a power cut; what another process left may be seen before it does.
        texts: Of items that were saved here since the last snapshot; the same for all bases since then.
    """

    id: str
    key: str
    seq: int
    digest: str | None
    kind: str
    epoch: int
    floor: int
    born: int
    keys: tuple[IdempotencyKey, ...]
    state: dict[str, JSON] | None
    objects: Table
    present: Table
    leaves: Leaves
    summary: Mapping[str, JSON]
    time: str
    observed: Moment | None
    weight: int = 0
    hinted: bool = False
    durable: bool = False
    texts: Texts = field(default_factory=Texts)

    @property
    def footprint(self) -> int:
        """Say about how many bytes of JSON the state is, and what is remembered beside it."""
        return self.weight + self.leaves.size + self.texts.size

    def parts(self, rules: Rules) -> dict[str, JSON]:
        """Give the state, an empty one where there is none."""
        return dict(rules.empty) if self.state is None else self.state


def made_durable(base: Base) -> Protocol[Base]:
    """Make sure of a commit that another process may have been killed over, before anybody is told that it is there."""
    if base.seq and not base.durable:
        yield Sync(naming.log_dir(base.key, base.seq // naming.GROUP))
    return replace(base, durable=True)


def nothing(id: str, observed: Moment | None) -> Base:
    """Describe a session without a log."""
    return Base(
        id, naming.session_key(id), 0, None, "none", 0, 0, 0, (), None, {}, {}, Leaves(), {}, "", observed
    )  # fmt: skip
