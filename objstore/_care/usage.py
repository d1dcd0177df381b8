"""What sessions take in the storage, by what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._format import canonical, naming
from .._format.canonical import JSON
from .._format.commit import pairs_of
from .._format.refs import Ref
from .._log.apart import apart
from .._log.base import Base, Rules
from .._log.chain import load
from .._log.listing import stored_ids
from .._log.ops import Protocol
from .._log.reading import listed_below
from .._log.session import retained
from ..errors import FormatError, IntegrityError


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of stored files and their bytes."""

    count: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class SessionUsage:
    """What one session takes in the storage.

    Attributes:
        id: The session.
        commits: The history that can be loaded, and a tombstone.
        below: Commits below the floor, which `prune` and `collect` remove when they are old enough.
        stubs: What a purge left of commits, or a copy put below a pruned history; they have no bytes.
        objects: Epoch -> the objects of that epoch that the history names.
        garbage: Objects that it does not name: left by a crash, or of a save that is under way. See `collect`.
        raw: Bytes of the newest state as JSON, without any compression; 0 where there is none. A text that is an
            object of its own counts with its UTF-8 bytes.
    """

    id: str
    commits: Amount
    below: Amount
    stubs: Amount
    objects: Mapping[int, Amount]
    garbage: Amount
    raw: int

    @property
    def total(self) -> Amount:
        """Everything that lies in the session's directory."""
        return _sum([self.commits, self.below, self.stubs, *self.objects.values(), self.garbage])

    @property
    def ratio(self) -> float | None:
        """How many bytes are stored for each byte of `raw`, the whole history included."""
        return self.total.size / self.raw if self.raw else None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What some sessions take.

    Attributes:
        sessions: Of each, deleted ones that have not vanished yet among them.
        skipped: Session -> why it cannot be said, because what it needs is damaged.
    """

    sessions: tuple[SessionUsage, ...]
    skipped: Mapping[str, str]


@apart
def usage(rules: Rules, ids: Iterable[str] | None) -> Protocol[UsageReport]:
    """Measure some sessions, or all that lie in ``sessions/``; one that is not there at all is left out."""
    found: list[SessionUsage] = []
    skipped: dict[str, str] = {}
    if ids is None:
        ids, _ = yield from stored_ids()
    for id in ids:
        try:
            measured = yield from _measured(rules, id)
        except (IntegrityError, FormatError) as error:
            skipped[id] = str(error)
        else:
            if measured.total.count:
                found.append(measured)
    return UsageReport(tuple(found), skipped)


def _measured(rules: Rules, id: str) -> Protocol[SessionUsage]:
    head = yield from load(rules, id)
    named = {pair for commit in ((yield from retained(head)) if head.seq else ()) for pair in pairs_of(commit.objects)}
    # Listed after the head was read: a commit that was made since counts as retained, an object of it as garbage.
    logs = yield from listed_below(naming.log_root(head.key), naming.parse_group)
    stored = yield from listed_below(naming.objects_root(head.key), naming.parse_epoch)
    commits: list[Amount] = []
    below: list[Amount] = []
    stubs: list[Amount] = []
    for group, entry in logs:
        n = naming.parse_log(f"{group:06d}", entry.name)
        if n is not None and not entry.is_directory:
            kind = stubs if not entry.size else below if n < head.floor else commits
            kind.append(Amount(1, entry.size))
    objects: dict[int, list[Amount]] = {}
    garbage: list[Amount] = []
    for epoch, entry in stored:
        if naming.is_object_name(entry.name) and not entry.is_directory:
            kind = objects.setdefault(epoch, []) if (epoch, entry.name) in named else garbage
            kind.append(Amount(1, entry.size))
    by_epoch = {epoch: _sum(amounts) for epoch, amounts in sorted(objects.items())}
    return SessionUsage(id, _sum(commits), _sum(below), _sum(stubs), by_epoch, _sum(garbage), _raw_size(head))


def _raw_size(head: Base) -> int:
    """Measure the JSON of a state without reading the objects that stand in it."""
    if head.state is None:
        return 0
    outside = 0

    def bare(value: JSON) -> Any:
        nonlocal outside
        if isinstance(value, Ref):
            outside += value.size
            return ""
        if isinstance(value, list):
            return [bare(item) for item in value]
        if isinstance(value, dict):
            return {key: bare(member) for key, member in value.items()}
        return value

    return len(canonical.dumps(bare(head.state)).encode()) + outside


def _sum(amounts: Iterable[Amount]) -> Amount:
    count = size = 0
    for amount in amounts:
        count += amount.count
        size += amount.size
    return Amount(count, size)
