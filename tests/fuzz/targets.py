"""Everything that parses stored bytes or ids, as functions of bytes that let out no exception but a documented one.

`tests/fuzz/test_fuzz.py` feeds them by a seed, `tests/fuzz/guided.py` by coverage.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from objstore import FormatError, IntegrityError, InvalidIdError, InvalidValueError
from objstore._format import canonical, naming, patching, zstd
from objstore._format import commit as commits
from objstore._format.state import Decoder, Leaf
from objstore._log import marker as markers
from objstore._seed.wire import WireError, decode, encode
from objstore.models import _documents as documents

LIMIT: Final = 1 << 16
NAME: Final = "f" * 64 + ".zst"
OLD: Final[Any] = {
    "session": {"messages": [{"a": 1}, "b", [2]], "name": "n"}, "artifacts": None, "traces": [{}], "runs": [], "=": 0
}  # fmt: skip

# A reader of a log takes these for "not of this format"; see `objstore._log.assembling.assemble`.
UNREADABLE: Final = (ValueError, KeyError, RecursionError)


def commit(data: bytes) -> None:
    with contextlib.suppress(IntegrityError, FormatError):
        found = commits.decode(data, "log/1", "s", 1)
        assert found is None or (found.id, found.seq) == ("s", 1)


def sealed_commit(data: bytes) -> None:
    """Get behind the digest."""
    with contextlib.suppress(FormatError, IntegrityError):
        commits.decode(data + f',"self":"{hashlib.sha256(data).hexdigest()}"}}'.encode(), "log/1", "s", 1)


def id_in(data: bytes) -> None:
    found = commits.id_in(data)
    assert found is None or isinstance(found, str)


def frame(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(zstd.inflate(data, limit=LIMIT)) <= LIMIT
    with contextlib.suppress(ValueError):  # what a commit says of an object's size is no limit
        zstd.inflate(data, limit=2**63 - 1)


def json(data: bytes) -> None:
    """What is read can be written and read again."""
    with contextlib.suppress(ValueError):
        value = canonical.loads(data)
        assert canonical.same(value, canonical.loads(canonical.dumps(value).encode()))


def decoder() -> Decoder:
    leaf = Leaf(NAME, 3, ["x"], frozenset())
    return Decoder({NAME: (0, 3), "f" * 64: (0, 3)}, {NAME: leaf})


def state(data: bytes) -> None:
    with contextlib.suppress(*UNREADABLE):
        assert isinstance(decoder().state(canonical.loads(data)), dict)


def leaf(data: bytes) -> None:
    with contextlib.suppress(*UNREADABLE):
        assert decoder().leaf(NAME, data).items


def patch(data: bytes) -> None:
    with contextlib.suppress(*UNREADABLE):
        patching.apply(decoder().patch(canonical.loads(data)), OLD)


def raw_patch(data: bytes) -> None:
    """Of all that is wrong with a patch of JSON, only `PatchError` tells, or the depth."""
    try:
        value = canonical.loads(data)
    except ValueError:
        return
    with contextlib.suppress(patching.PatchError, RecursionError):
        mapped = patching.map_values(value, lambda v: v, lambda v: v, lambda v: v)
        patching.apply(mapped, OLD)


def names(data: bytes) -> None:
    name = data.decode(errors="surrogateescape")
    id = naming.id_of(name)
    assert id is None or naming.session_key(id) == name
    assert not naming.is_hashed(name) or id is None
    for number in (naming.parse_group(name), naming.parse_epoch(name), naming.parse_log("000000", name)):
        assert number is None or int(name) == number
    hint = naming.parse_hint(name)
    assert hint is None or naming.index_hint(*hint) == f"index/{name}"
    with contextlib.suppress(InvalidIdError):
        key = naming.session_key(name)
        assert naming.is_key(key)
        assert naming.id_of(key) in (name, None)
        assert "/" not in key
        assert key not in (".", "..")


def marker(data: bytes) -> None:
    markers._is_session(data)
    with contextlib.suppress(FormatError):
        assert markers._parse(data).interval >= 2


def _wire_of(part: Any) -> Callable[[bytes], None]:
    def wire(data: bytes) -> None:
        with contextlib.suppress(WireError):
            found = decode(part, data)
            with contextlib.suppress(InvalidValueError):  # an integer that is read, and that the seed would not read
                encode(part, found)

    return wire


PARTS: Final = MappingProxyType(
    {
        "session": documents.SESSION,
        "artifacts": documents.ARTIFACTS,
        "traces": documents.TRACE_EVENTS,
        "runs": documents.RUN_RECORDS,
        "verification": documents.VERIFICATION_REPORTS,
    }
)

TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = MappingProxyType(
    {
        target.__name__: target
        for target in (commit, sealed_commit, id_in, frame, json, state, leaf, patch, raw_patch, names, marker)
    }
    | {f"wire_{part}": _wire_of(adapter) for part, adapter in PARTS.items()}
)
