"""Every object of a store that holds everything, harmed in every way: the same is read, or an error names the key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import objstore
from objstore import (
    DocumentStore,
    FormatError,
    IntegrityError,
    Message,
    NotFoundError,
    SessionStore,
    TraceEvent,
)
from objstore._format import naming
from objstore.backends import MemoryBackend
from tests.bad_input.damage import HARMS, Harm, artifact, fill

LONG = "long " * 100
IDS = ("s", "deleted", "purged", "pruned", "fork", LONG)


def empty(data: bytes) -> bytes:
    return b""


def every_class(data: bytes) -> Iterator[Harm]:
    """Flip one bit of a byte in each eighth of an object, a high one and a low one in turn."""
    for place in range(0, len(data), max(1, len(data) // 6)):
        bit = 1 << (place % 8)
        yield lambda old, at=place, bit=bit: old[:at] + bytes([old[at] ^ bit]) + old[at + 1 :]  # type: ignore[misc]


def rich() -> MemoryBackend:
    """Make a store with commits, leaves, objects, hints of long ids, tombstones, stubs, a prune and a fork."""
    place = MemoryBackend.isolated()
    store = objstore.open(place)
    for id in IDS:
        if id != "fork":
            fill(store, id)
    store.append("s", artifacts=[artifact("of an append " * 900)])
    store.append("s", trace_events=[TraceEvent.tool_execution("t" * 3000, True, 0, 1, 1) for _ in range(300)])
    store.delete("deleted")
    store.delete("purged", purge=True)
    store.prune("pruned", keep_last=1)
    store.append("pruned", messages=[Message.user("after the prune")])
    store.fork("s", "fork")
    return place


def seen(store: SessionStore, key: str = "") -> dict[str, Callable[[], Any]]:
    """Give all that can be read, each thing by itself; for a key of one session, what is of that and the list."""
    calls: dict[str, Callable[[], Any]] = {"list": store.list}
    for id in IDS:
        if key.startswith("sessions/") and naming.id_of(key.split("/")[1]) not in (id, None):
            continue
        calls[f"load {id[:9]}"] = partial(store.load_bundle, id)
        calls[f"exists {id[:9]}"] = partial(store.exists, id)
        for at in range(1, 9):
            calls[f"load {id[:9]} {at}"] = partial(store.load_bundle, id, at=at)
    return calls


def answer(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NotFoundError:
        return "not found"
    except (IntegrityError, FormatError) as error:
        return error


def keys(place: MemoryBackend, prefix: str = "") -> Iterator[str]:
    for entry in place.list(prefix):
        if entry.is_directory:
            yield from keys(place, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name


RICH = rich()
TOMBSTONE = "sessions/deleted/log/000000/0000000006"
KEYS = sorted(keys(RICH))
RIGHT = {name: answer(call) for name, call in seen(objstore.open(RICH)).items()}


def test_the_store_holds_everything() -> None:
    data = {key: RICH.get(key) or b"" for key in KEYS}
    assert sum("/log/" in key and not found for key, found in data.items()) == 5  # stubs
    assert sum(key.startswith("trash/") for key in KEYS) == 2
    assert sum(key.startswith("index/") and bool(found) for key, found in data.items()) == 1
    assert sum("/objects/" in key for key in KEYS) > 6
    assert {"snapshot", "patch"} == {info.kind for info in objstore.open(RICH).history("s")}
    assert objstore.open(RICH).history("pruned")[1].kind == "prune"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.replace(LONG, "long")[-60:])
def test_what_is_read_is_right_or_an_error_names_the_key(key: str) -> None:
    before = RICH.get(key)
    assert before is not None
    other = next(k for k in KEYS if k != key and k.split("/")[0] == key.split("/")[0]) if "/" in key else KEYS[-1]
    swap: Harm = lambda _: RICH.get(other) or b""  # noqa: E731
    try:
        for harm in (*HARMS, empty, swap, *every_class(before)):
            if not before and harm not in (empty, swap, *HARMS[6:]):
                continue  # there is nothing to flip in a hint or a stub
            harmed = harm(before)
            if harmed is None:
                RICH.delete([key])
            else:
                RICH.put(key, harmed)
            check(key, harmed)
    finally:
        RICH.put(key, before)


def check(key: str, harmed: bytes | None) -> None:
    store = objstore.open(RICH)
    for name, call in seen(store, key).items():
        if key == TOMBSTONE and harmed is None and name.startswith("load deleted"):
            continue  # for all that a load looks at, there never was one: some of what it buried is there, some erased
        found = answer(call)
        if isinstance(found, IntegrityError | FormatError):
            assert found.key == key or "/log/" in found.key, (name, found)
            continue
        if found == RIGHT[name]:
            continue
        # what is missing altogether was never there, for all that anybody can tell
        gone = harmed is None or harmed == b""
        newest = "/log/" in key and gone
        hint = key.startswith("index/") and name == "list"
        assert newest or hint or found == "not found", (key, name, harmed and harmed[:40])


def test_documents_too() -> None:
    place = MemoryBackend.isolated()
    DocumentStore(place).save("d", {"many": [f"{n} " * 1000 for n in range(400)]})
    right = DocumentStore(place).load("d")
    assert right is not None
    for key in keys(place):
        before = place.get(key)
        assert before is not None
        for harm in (*HARMS[:10], empty, *every_class(before)):
            if not before:
                continue
            place.put(key, harm(before) or b"")
            found = answer(partial(DocumentStore(place).load, "d"))
            if isinstance(found, IntegrityError | FormatError):
                assert found.key == key or "/log/" in found.key
            else:
                assert found.parts == right.parts
        place.put(key, before)
