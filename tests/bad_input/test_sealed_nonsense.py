"""Commits with nonsense inside and the right digest: whoever reads or mends them gets an error of ours, or a state.

A forged history is not noticed (docs/security.md), but it must not be able to do more than that.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zstandard

import objstore
from objstore import DocumentStore, FormatError, Message, NotFoundError, ObjstoreError, SessionData, SessionStore
from objstore._format import commit, zstd
from objstore.backends import MemoryBackend

from .test_every_object import IDS, KEYS, RICH

COMMITS = [key for key in KEYS if "/log/" in key and RICH.get(key)]
HELD = {key: RICH.get(key) or b"" for key in KEYS}
DEEP: Any = json.loads("[" * 300 + "]" * 300)
EDGES = ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]
VALUES: list[Any] = [
    *(None, True, 0, -1, 2**63, 10**400, 1.5, "", "x", "\0", "\ud800", "a" * 70_000, [], {}, [1, 2], [[1, 2]], DEEP),
    *({"=": "0" * 64}, {"=": "0" * 64 + ".zst"}, {"=list": "0" * 64}, {"=bytes": "0" * 64}, {"=": 1}, {"==": "x"}),
    *("2026-01-01T00:00:00Z", "2026-01-01", "f" * 64, *EDGES),
    *({"set": 1}, {"put": {"session": None}}, {"list": [[0, 10**9]]}, {"sub": {"session": {"list": []}}}, {"add": []}),
    *({"cut": ["session"]}, {"at": 0, "patch": {}}),
]


def text(data: bytes) -> bytes:
    return zstd.inflate(data, limit=commit.MAX_BYTES) if zstd.is_frame(data) else data


def sealed(record: dict[str, Any]) -> bytes:
    rest = {member: value for member, value in record.items() if member != "self"}
    body = json.dumps(rest, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")[:-1]
    return body + f',"self":"{hashlib.sha256(body).hexdigest()}"}}'.encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for name in list(value)[:30]:
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for n in sorted({0, len(value) // 2, len(value) - 1} if value else ()):
            yield from places(value[n], (*path, n))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = changed(copied[path[0]], path[1:], new)
    return copied


def nonsense(count: int) -> Iterator[tuple[str, bytes, str]]:
    rng = random.Random(20261126)
    for _ in range(count):
        key = rng.choice(COMMITS)
        record = json.loads(text(HELD[key]))
        path = rng.choice([path for path in places(record) if path != ("self",)])
        data = sealed(changed(record, path, rng.choice(VALUES)))
        yield key, (data if rng.random() < 0.7 else zstandard.compress(data)), str(path)


def place_with(key: str, data: bytes) -> MemoryBackend:
    place = MemoryBackend.isolated()
    for other, held in HELD.items():
        place.put(other, data if other == key else held)
    return place


def id_of(key: str) -> str:
    directory = key.split("/")[1]
    return next((id for id in IDS if id == directory), IDS[-1])


def reads(id: str, seq: int) -> list[Callable[[SessionStore], object]]:
    return [
        lambda store: store.load_bundle(id),
        lambda store: store.load(id, at=seq),
        lambda store: store.history(id),
        lambda store: store.exists(id),
        lambda store: store.diff(id, max(1, seq - 1), seq),
        lambda store: list(store.iter_summaries(sizes=True)),
        lambda store: store.repair(id),
        lambda store: store.prune(id, keep_last=1, dry_run=True),
        lambda store: DocumentStore(store._opened.backend).load(id),
    ]


def writes(id: str, seq: int) -> list[Callable[[SessionStore], object]]:
    return [
        lambda store: store.append(id, messages=[Message.user("more")]),
        lambda store: store.save(SessionData.new(id)),
        lambda store: store.restore(id, seq),
        lambda store: store.fork(id, "another"),
        lambda store: store.prune(id, keep_last=1),
        lambda store: store.repair(id, dry_run=False),
        lambda store: store.delete(id, purge=True),
        lambda store: objstore.copy(store, objstore.open(MemoryBackend.isolated())),
        lambda store: objstore.copy(store, objstore.open(MemoryBackend.isolated(), layout="tree")),
    ]


@pytest.mark.parametrize("count", [60, pytest.param(3_000, marks=pytest.mark.deep)])
def test_it_is_an_error_of_ours_or_a_state(count: int) -> None:
    errors = 0
    for key, data, path in nonsense(count):
        id, seq = id_of(key), int(key[-10:])
        place = place_with(key, data)
        store = objstore.open(place)
        for look in (store.verify, store.du, store.list, lambda: store.collect(dry_run=True)):  # noqa: B023
            look()  # these are about all sessions, and one of them stops nobody
        for call in reads(id, seq):
            errors += raises(call, store, path)
        for call in writes(id, seq):
            raises(call, objstore.open(place_with(key, data)), path)
    assert errors > count // 2


@pytest.mark.parametrize("time", EDGES)
def test_a_time_at_an_end_of_the_calendar_is_a_time_for_whoever_reads_or_writes(time: str) -> None:
    key = "sessions/fork/log/000000/0000000001"
    data = sealed(json.loads(text(HELD[key])) | {"time": time})
    for call in reads("fork", 1) + writes("fork", 1):
        assert not raises(call, objstore.open(place_with(key, data)), time)


def raises(call: Callable[[SessionStore], object], store: SessionStore, path: str) -> bool:
    try:
        call(store)
    except NotFoundError:
        return False
    except ObjstoreError:
        return True
    except Exception as error:
        error.add_note(path)
        raise
    return False


@pytest.mark.parametrize("born", [0, 1])
def test_verify_finds_a_commit_that_does_not_say_rightly_since_when_there_is_a_session(born: int) -> None:
    place = MemoryBackend.isolated()
    store = objstore.open(place)
    if born:
        store.save(SessionData.new("s"))
    else:
        store.save_trace_events("s", [])
    key = "sessions/s/log/000000/0000000001"
    record = json.loads(text(place.get(key) or b""))
    assert record["born"] == born
    place.put(key, sealed(record | {"born": 1 - born}))
    (finding,) = objstore.open(place).verify().findings
    assert (finding.id, finding.key, finding.problem) == ("s", key, "unknown format")
    assert "since when" in finding.detail


@pytest.mark.parametrize(
    ("member", "above"), [("epoch", 1), ("born", 1), ("floor", 1), ("floor", -(10**9)), ("epoch", 10**9)]
)
def test_no_commit_may_name_one_above_it_as_its_beginning(member: str, above: int) -> None:
    key = COMMITS[0]
    record = json.loads(text(HELD[key]))
    seq = record["seq"]
    assert commit.decode(sealed(record), key, record["id"], seq) is not None
    with pytest.raises(FormatError, match="lacks what a commit"):
        commit.decode(sealed({**record, member: max(seq + above, 0)}), key, record["id"], seq)
