"""Commit records: what they hold, and their bytes (docs/format.md, "Commits").

A record is JSON text that ends in its own digest. The digest covers the text, not the stored bytes, so the hash chain
does not depend on how a record was compressed.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..errors import FormatError, IntegrityError, InvalidIdError, InvalidValueError
from . import canonical, naming, zstd
from .canonical import JSON
from .records import record

FORMAT = 1
PLAIN_BYTES = 1024  # up to here a record is plain JSON, since a frame would save little
MAX_BYTES = 64 * 2**20  # of the text, and of that of a leaf; what claims more is refused before it is inflated
KEPT_KEYS = 32
_MAX_COUNT = 2**63 - 1  # larger numbers and sizes are no longer those of anything

Kind = Literal["snapshot", "patch", "prune", "delete"]
FENCES = ("prune", "delete")
"""Kinds that open an epoch."""

_HEAD = b'{"format":'
_TAIL = re.compile(rb',"self":"([0-9a-f]{64})"\}\Z')
_DIGEST = re.compile(r"[0-9a-f]{64}")

Table = Mapping[str, tuple[int, int]]
"""Object name -> (epoch, size of the raw bytes)."""


def pairs_of(table: Table) -> frozenset[tuple[int, str]]:
    """Give the epoch and the name of each object: what tells it from all others that are stored of a session."""
    return frozenset((epoch, name) for name, (epoch, _) in table.items())


@record
class IdempotencyKey:
    """A caller's key and the commit that answered it; the commit that introduces it cannot name its own digest."""

    key: str
    seq: int
    digest: str | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fork came from."""

    id: str
    seq: int
    digest: str


@record
class Commit:
    """One record of a session's log.

    Attributes:
        parent: Digest of the commit below, ``None`` for the first of a log.
        commit: A fresh identifier of this attempt; it tells our own success from another's.
        epoch: Number of the newest prune or delete commit at or below, 0 before the first.
        floor: The oldest commit that can still be loaded.
        born: Number of the commit that gave the session its session part, 0 while there is none.
        body: A patch, or the encoded state, or ``None`` for a tombstone.
        over: For a commit that sets a damaged one aside: the sha256 of the damaged bytes.
        digest: The record's own digest, stored as ``self``.
        size: Bytes as stored.
        length: Bytes of the text.
    """

    id: str
    seq: int
    parent: str | None
    commit: str
    time: str
    epoch: int
    floor: int
    born: int
    kind: Kind
    keys: tuple[IdempotencyKey, ...]
    summary: Mapping[str, JSON]
    objects: Table
    body: JSON
    digest: str
    origin: Origin | None = None
    over: str | None = None
    size: int = field(default=0, compare=False)
    length: int = field(default=0, compare=False)

    @property
    def whole(self) -> bool:
        """Whether the commit holds a state of its own, so that a reader need go no further down."""
        return self.kind != "patch"


def stored_bytes() -> int:
    """Say how many bytes a record has at most as it is stored."""
    return zstd.at_most(MAX_BYTES)


def timestamp(wall: float) -> str:
    """Write a wall-clock time in seconds as RFC 3339 in UTC with microseconds.

    Raises:
        InvalidValueError: It is before the year 1 or after 9999.
    """
    try:
        time = datetime.datetime.fromtimestamp(wall, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidValueError("the clock of this machine is off the calendar; set it") from None
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(time: str) -> datetime.datetime:
    """Read what `timestamp` wrote."""
    return datetime.datetime.fromisoformat(time)


def encode(commit: Commit, body: str, compress: Callable[[bytes], bytes] = zstd.compress) -> tuple[bytes, str]:
    """Write a record: its stored bytes and its digest. ``body`` is the encoded body; the record's own is not read."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "id": commit.id,
        "seq": commit.seq,
        "parent": commit.parent,
        "commit": commit.commit,
        "time": commit.time,
        "epoch": commit.epoch,
        "floor": commit.floor,
        "born": commit.born,
        "kind": commit.kind,
        "requires": [],
        "keys": [[k.key, k.seq, *([k.digest] if k.digest else [])] for k in commit.keys],
        "summary": commit.summary,
        "objects": {name: list(entry) for name, entry in commit.objects.items()},
    }
    text = f'{canonical.dumps(head)[:-1]},"body":{body}'
    if commit.origin:
        origin: dict[str, JSON] = {"id": commit.origin.id, "seq": commit.origin.seq, "self": commit.origin.digest}
        text += f',"origin":{canonical.dumps(origin)}'
    if commit.over:
        text += f',"over":"{commit.over}"'
    covered = text.encode()
    digest = hashlib.sha256(covered).hexdigest()
    whole = covered + f',"self":"{digest}"}}'.encode()
    if len(whole) > MAX_BYTES:
        raise InvalidValueError(
            f"one commit would hold {len(whole)} bytes of what is neither in a list nor in a long text, more than "
            f"{MAX_BYTES}; divide it among several sessions, or make lists of what are members of objects"
        )
    return (whole if len(whole) <= PLAIN_BYTES else compress(whole)), digest


def decode(data: bytes, key: str, id: str, seq: int) -> Commit | None:
    """Read the record stored under ``key`` as commit ``seq`` of ``id``; ``None`` for the empty stub of a purge.

    Raises:
        IntegrityError: The bytes are not a record, or not this session's or this number's.
        FormatError: The record is whole, and of a newer objstore.
    """
    if not data:
        return None
    try:
        text = _text(data)
    except ValueError as error:
        raise IntegrityError(f"commit {key} is damaged: {error}", key) from None
    if len(text) > MAX_BYTES:
        raise IntegrityError(f"commit {key} is damaged: it has more than {MAX_BYTES} bytes", key)
    tail = _TAIL.search(text)
    if not tail or hashlib.sha256(text[: tail.start()]).hexdigest().encode() != tail[1]:
        raise IntegrityError(f"commit {key} is damaged: its bytes do not match their digest", key)
    try:
        record = canonical.loads(text)
    except ValueError as error:
        raise FormatError(f"commit {key} is whole but cannot be read: {error}", key) from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise FormatError(f"commit {key} is not of format {FORMAT}; a newer objstore may read it", key)
    if record.get("requires") not in ([], None):
        raise FormatError(f"commit {key} requires what this objstore does not know; upgrade", key)
    if record.get("kind") not in get_args(Kind):
        raise FormatError(f"commit {key} is of a kind that this objstore does not know; upgrade", key)
    try:
        commit = _parse(record, size=len(data), length=len(text))
    except (KeyError, TypeError, ValueError):
        raise FormatError(f"commit {key} is whole but lacks what a commit of format {FORMAT} holds", key) from None
    if commit.id != id or commit.seq != seq:
        raise IntegrityError(f"commit {key} belongs to another session or number; it was moved or exchanged", key)
    return commit


def is_torn(data: bytes) -> bool:
    """Say whether the bytes are the beginning of a record whose end is missing, as a broken write leaves it."""
    if zstd.is_frame(data) or len(data) < len(_HEAD):
        return zstd.is_cut_off(data, limit=MAX_BYTES) or _HEAD.startswith(data)
    return data.startswith(_HEAD) and not data.endswith(b'"}')


def may_bury(data: bytes) -> bool:
    """Say whether a record that cannot be trusted calls itself a tombstone, as far as that can still be made out."""
    return b'"kind":"delete"' in data.partition(b',"requires":')[0]  # what is behind that is a user's


def unchecked(data: bytes) -> dict[str, Any]:
    """Read the members of a record whose bytes may not match its digest, as far as they can be; else none."""
    try:
        record = canonical.loads(_text(data))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def id_in(data: bytes) -> str | None:
    """Give the id that a record names, for one whose key does not tell; ``None`` where it cannot be read."""
    found = unchecked(data).get("id")
    return found if isinstance(found, str) else None


def id_of_key(data: bytes, key: str) -> str | None:
    """Give the id that a record names, if it is one whose directory is called ``key``; else ``None``."""
    id = id_in(data)
    try:
        return id if id is not None and naming.session_key(id) == key else None
    except InvalidIdError:
        return None


def _text(data: bytes) -> bytes:
    return zstd.inflate(data, limit=MAX_BYTES) if zstd.is_frame(data) else data


def _parse(record: dict[str, Any], *, size: int, length: int) -> Commit:
    origin = record.get("origin")
    seq, epoch, floor, born = (_count(record[member]) for member in ("seq", "epoch", "floor", "born"))
    if not 1 <= floor <= seq or max(epoch, born) > seq or (record["kind"] == "patch" and floor == seq):
        raise ValueError  # a reader would look for its beginning above it, or below the first commit
    return Commit(
        id=_str(record["id"]),
        seq=seq,
        parent=None if record["parent"] is None else _digest(record["parent"]),
        commit=_str(record["commit"]),
        time=_time(record["time"]),
        epoch=epoch,
        floor=floor,
        born=born,
        kind=record["kind"],
        keys=tuple(_key(*entry) for entry in record["keys"]),
        summary=_dict(record["summary"]),
        objects={name: (_count(epoch), _count(raw)) for name, (epoch, raw) in _dict(record["objects"]).items()},
        body=record["body"],
        digest=_digest(record["self"]),
        origin=Origin(_str(origin["id"]), _count(origin["seq"]), _digest(origin["self"])) if origin else None,
        over=_digest(record["over"]) if record.get("over") else None,
        size=size,
        length=length,
    )


def _key(key: object, seq: object, digest: object = None) -> IdempotencyKey:
    return IdempotencyKey(_str(key), _count(seq), None if digest is None else _digest(digest))


def _str(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise TypeError
    return value


def _digest(value: object) -> str:
    if not _DIGEST.fullmatch(_str(value)):
        raise ValueError
    return str(value)


def _time(value: object) -> str:
    if moment(_str(value)).tzinfo is None:
        raise ValueError
    return str(value)


def _dict(value: object) -> dict[str, Any]:
    if type(value) is not dict:
        raise TypeError
    return value
