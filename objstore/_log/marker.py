"""The marker of a store, and what lies at a place that has none (docs/format.md, "The marker")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .._format import canonical
from .._format.commit import FORMAT, timestamp
from .._format.naming import MARKER
from ..errors import (
    BackendError,
    FormatError,
    IntegrityError,
    OutcomeUnknownError,
    UnavailableError,
    UnsupportedBackendError,
)
from .base import INTERVAL
from .land import CREATES
from .ops import Create, Delete, Entry, Get, List, Moment, Now, Protocol, Put

Layout = Literal["log", "tree"]

PROBE = ".health_check"
CHECK = "check-"
"""What the names of the objects begin with by which a place is tried out, before 32 hex digits and a dot."""
_HEAD = b'{"format":'
_SESSION = {"id", "config", "messages"}
_SIBLINGS = {"artifacts", "traces", "runs", "verification"}
_PASSING = re.compile(rf"{re.escape(PROBE)}\Z|{CHECK}[0-9a-f]{{32}}\.|.*\.tmp\Z", re.DOTALL)
"""Names of objects that come and go, or were left by whoever was killed over them: no content of the place."""
_READ = 2**24
"""How much is read of a file to see whether it is a session or a marker; of a larger one it is not known."""
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """What lies at the prefix of a store.

    Attributes:
        layout: ``None`` where nothing lies there yet.
        interval: K, every how many commits a snapshot is due.
        marker: The very bytes of the marker, if there is one.
        doubtful: The smallest files of what is a tree by its names alone; see `confirm`.
    """

    layout: Layout | None
    interval: int = INTERVAL
    marker: bytes | None = None
    doubtful: tuple[str, ...] = ()


def look(wanted: Layout | None) -> Protocol[Place]:
    """Find out what lies at the prefix, and whether it is what the caller wants. Reads only.

    Raises:
        FormatError: It is not ours, of a newer objstore, or of the other layout.
    """
    for _ in range(_LOOKS):
        data: bytes | None = yield Get(MARKER, _READ)
        huge = data is not None and len(data) > _READ  # it may be a session of a tree, and is no marker
        if data is not None and _is_cut_off(data) and [e.name for e in (yield List(""))] == [MARKER]:
            return Place(None)  # whoever was about to make the store crashed over it
        if data is not None and not huge and not _is_session(data):
            place = _parse(data)
            if wanted == "tree":
                raise FormatError(
                    "this is a store of the log layout; open it without layout='tree', or use objstore copy, which "
                    "wants no tree on either side",
                    MARKER,
                )
            return place
        if wanted == "tree":  # a tree has no marker, and may lie among other things
            return Place("tree")
        found: list[Entry] = yield List("")
        if data is not None or all(e.is_directory or e.name != MARKER for e in found):
            break  # else it was made between the two, and what it says is not known: a tree has files of such names
    else:
        raise FormatError(f"{MARKER} is listed here and cannot be read; is there a cache before the storage?", MARKER)
    entries = [e for e in found if e.is_directory or not _PASSING.match(e.name)]
    if not entries:
        return Place(None)
    if all(map(_of_a_tree, entries)):
        if wanted is None:
            files = sorted((e for e in entries if not e.is_directory), key=lambda e: e.size)
            return Place("tree", doubtful=tuple(e.name for e in files[:_LOOKS]))
        raise FormatError(
            "this is a store of the tree layout; open it without layout='log', or choose an empty place",
            MARKER,
        )
    if huge:
        raise FormatError(f"{MARKER} is larger than any marker; restore it from another store of yours", MARKER)
    raise _foreign([e.name for e in entries], wanted)


def confirm(place: Place) -> Protocol[Place]:
    """Look into the files of what is a tree by its names alone: it is none where they are whole, and no sessions.

    Apart from `look`, beside which something else may be asked for: a file that is not given out must not end that.

    Raises:
        FormatError: It is somebody else's.
    """
    for name in place.doubtful:
        try:
            data: bytes | None = yield Get(name, _READ)
        except UnavailableError:
            raise
        except (BackendError, IntegrityError):  # it is not given out, or no file
            return place
        if data is None or not _is_foreign(data):
            return place
    if place.doubtful:
        raise _foreign(place.doubtful, None)
    return place


def _foreign(names: Iterable[str], wanted: Layout | None) -> FormatError:
    shown = ", ".join(map(repr, sorted(names)[:3]))
    among = ", or say layout='tree' where sessions of A3S Code lie among other files" if wanted is None else ""
    return FormatError(
        f"there is no {MARKER} here, but {shown}: not a store, or its marker was removed; choose an empty place{among}",
        MARKER,
    )


def _is_cut_off(data: bytes) -> bool:
    return len(data) <= _READ and _HEAD.startswith(data[: len(_HEAD)]) and not data.endswith(b"}")


def _is_session(data: bytes) -> bool:
    """Say whether this is no marker but a tree's file of a session that is called like it."""
    try:
        found = canonical.loads(data)
    except ValueError:
        return False
    return isinstance(found, dict) and "format" not in found and found.keys() >= _SESSION


def _is_foreign(data: bytes) -> bool:
    """Say whether a file is whole and no session; one that is torn, or not read to its end, may be one."""
    try:
        found = canonical.loads(data)
    except ValueError:
        return False
    return not isinstance(found, dict) or not found.keys() >= _SESSION


def _of_a_tree(entry: Entry) -> bool:
    if entry.is_directory:
        return entry.name in _SIBLINGS
    return entry.name.endswith(".json")


def _parse(data: bytes) -> Place:
    try:
        marker = canonical.loads(data)
    except ValueError as error:
        raise FormatError(
            f"{MARKER} cannot be read ({error}); restore it from another store of yours", MARKER
        ) from None
    if not isinstance(marker, dict) or "format" not in marker:
        raise FormatError(f"{MARKER} is not the marker of a store", MARKER)
    if marker["format"] != FORMAT or marker.get("requires") not in ([], None):
        raise FormatError("this store is of a format that this objstore does not know; upgrade objstore", MARKER)
    interval = marker.get("K")
    if marker.get("layout") != "log" or type(interval) is not int or interval < 2:
        raise FormatError(f"{MARKER} describes a layout that this objstore does not know; upgrade objstore", MARKER)
    return Place("log", interval, data)


def settle(place: Place, *, demand: bool) -> Protocol[Place]:
    """Make the marker if there is none, and demand that the storage refuses to make it twice.

    A backend that takes create-only for a suggestion is found out here, before anything of a session is written.
    Without ``demand`` the caller has stated that nobody else writes.

    Raises:
        UnsupportedBackendError: It wrote over the marker (with the same bytes, so no harm was done).
    """
    marker = place.marker
    if marker is None:
        now: Moment = yield Now()
        marking: dict[str, Any] = {
            "format": FORMAT,
            "layout": "log",
            "K": place.interval,
            "created": timestamp(now.wall),
            "requires": [],
        }
        written = canonical.dumps(marking).encode()
        if (yield from _create(written)):
            marker = written
        else:
            place = yield from look("log")  # another process made it first, or an answer was lost: its K holds
            marker = place.marker
            if marker is None:
                yield Put(MARKER, written)
                marker = written
    # Once may be because somebody removed the marker, with all else, since it was read.
    if demand and (yield from _create(marker)) and (yield from _create(marker)):
        raise UnsupportedBackendError(
            "this storage overwrites an object that it was told only to create, so two writers could lose each other's "
            "saves; open it with single_writer=True (--single-writer), or with layout='tree' (--layout tree)"
        )
    return Place("log", place.interval, marker)


def _create(data: bytes) -> Protocol[bool]:
    error: UnavailableError | None = None
    for _ in range(CREATES):
        result = yield Create(MARKER, data)
        if not isinstance(result, UnavailableError):
            return bool(result)
        error = result
    raise OutcomeUnknownError(f"the storage never said whether {MARKER} could be created") from error


def probe() -> Protocol[None]:
    """Write, read and remove a small object, as the seed does to see whether its directory is fit.

    Raises:
        BackendError: One of them failed.
    """
    yield Put(PROBE, b"ok")
    found = yield Get(PROBE)
    yield Delete((PROBE,))
    if found not in (b"ok", None):  # None: another probe removed it first
        raise BackendError(f"{PROBE} does not hold what was just written to it")
