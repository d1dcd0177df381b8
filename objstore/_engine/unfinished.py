"""Files that no listing shows, because a process was killed while it wrote them. Only a local disk has such."""

from __future__ import annotations

from collections.abc import Iterable

from .._care.retention import Doomed
from .._format import naming
from .._log.ops import Call, Delete, Moment, Now, Protocol
from ..backends import AsyncBackend, Backend


def unfinished(
    backend: Backend | AsyncBackend, ids: Iterable[str] | None, grace: float, *, dry_run: bool
) -> Protocol[list[Doomed]]:
    """Remove what killed processes left of some sessions, or of all, once nobody can be at it any more."""
    ask = getattr(backend, "unfinished", None)
    if ask is None:
        return []
    places = ["", naming.INDEX, naming.TRASH, naming.SESSIONS]
    if ids is not None:
        places = [naming.session_dir(naming.session_key(id)) for id in ids]
    now: Moment = yield Now()
    found: list[str] = []
    for place in places:
        found += yield Call(ask, (place, now.wall - grace), blocking=True)
    if found and not dry_run:
        yield Delete(tuple(found))
    return [Doomed(key, "it was never finished, since its writer was killed") for key in found]
