"""Forking: a state of one session becomes the first commit of another, its objects copied inside the storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from .._format import naming
from .._format.canonical import JSON
from .._format.commit import Origin, Table
from .._format.encode import Encoder
from ..errors import ConflictError, IntegrityError, NotFoundError
from .base import Base, Rules
from .chain import load
from .draft import Draft, Summarise
from .land import LostError, commit
from .ops import Copy, Entry, List, Protocol, Sync
from .reading import PAGE

Adopt = Callable[[Mapping[str, JSON], str], dict[str, JSON]]
"""Makes the state of an origin that of a session with another id. It must not change the state."""


def fork(rules: Rules, id: str, new_id: str, at: int | None, adopt: Adopt, summarise: Summarise) -> Protocol[Base]:
    """Commit the state of a session, or its older one, as the first of a new session.

    A crash on the way leaves objects that `collect` removes, and no session.

    Raises:
        NotFoundError: There is nothing to fork.
        ConflictError: There is a session with the new id.
    """
    origin = yield from load(rules, id, at=at)
    if origin.state is None:
        raise NotFoundError(
            f"there is no session {id!r} to fork" if at is None else f"commit {at} of {id!r} deleted it"
        )
    target = yield from load(rules, new_id)
    if target.state is not None:
        raise ConflictError(f"there is a session {new_id!r} already; choose another id", new_id, 0, target.seq)
    state = adopt(origin.state, new_id)
    needed = Encoder(origin.present, origin.epoch, origin.leaves, rules.limits)
    needed.state(state)
    copied = yield from _copy(rules, origin, target, needed.named)
    assert origin.digest is not None
    draft = Draft(state=state, origin=Origin(id, origin.seq, origin.digest))
    ground = replace(target, present=copied, leaves=origin.leaves, keys=())
    try:
        return (yield from commit(rules, ground, draft, summarise))
    except LostError:
        raise ConflictError(
            f"somebody made {new_id!r} while {id!r} was being forked into it; choose another id", new_id, target.seq
        ) from None


def _copy(rules: Rules, origin: Base, target: Base, needed: Table) -> Protocol[dict[str, tuple[int, int]]]:
    """Copy objects into the target's epoch; those that are not stored yet stay to be created.

    Nothing is copied over what is there: another fork may be about to name it, and ours may have gone bad since.
    """
    stored = {name: entry for name, entry in needed.items() if name in origin.present}
    directory = naming.objects_dir(target.key, target.epoch)
    there: list[Entry] = yield List(directory)
    left_over = {entry.name for entry in there if not (entry.is_directory or rules.tearable)}  # a torn one is none
    if not left_over.isdisjoint(stored):
        yield Sync(directory)  # who made them may not have got so far
    fresh = [name for name in stored if name not in left_over]
    for start in range(0, len(fresh), PAGE):
        page = fresh[start : start + PAGE]
        copies = tuple(
            Copy(
                naming.object_key(origin.key, stored[name][0], name), naming.object_key(target.key, target.epoch, name)
            )
            for name in page
        )
        results = yield copies
        for copy, found in zip(copies, results, strict=True):
            if not found:
                raise IntegrityError(f"object {copy.source} is missing; was its session pruned meanwhile?", copy.source)
    return {name: (target.epoch, size) for name, (_, size) in stored.items()}
