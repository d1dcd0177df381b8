"""A commit, a leaf and a text hold only so much: what is legal fits, what does not is refused and loses nothing."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from objstore import DocumentStore, FormatError, IntegrityError, InvalidValueError
from objstore._format import commit as commits
from objstore._format import encode, state, zstd
from objstore._format.checking import MAX_DEPTH
from objstore._log import reading
from tests.crash.test_crash_matrix import TwoSteps
from tests.places import Place, make_place
from tests.stack import until_it_overflows

KIB = 1024


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached without much memory, in the proportion of the true ones."""
    for module in (commits, encode, reading):
        monkeypatch.setattr(module, "MAX_BYTES", 64 * KIB)
    monkeypatch.setattr(encode, "CROWDED_BYTES", 16 * KIB)
    monkeypatch.setattr(encode, "SHORT_TEXT_BYTES", 400)
    monkeypatch.setattr(encode, "TEXT_BYTES", 2 * KIB)
    monkeypatch.setattr(state, "LEAF_BYTES", 8 * KIB)


def opened(place: Place) -> DocumentStore:
    return DocumentStore(place.target)


def texts(number: int) -> dict[str, str]:
    return {f"file {n}": f"{n:03d} " * 400 for n in range(number)}


WHERE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "a part": lambda value: {"files": value},
    "a member": lambda value: {"session": {"files": value}},
    "an item": lambda value: {"session": [1, {"files": value}, 2]},
    "parts": lambda value: value,
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("first", [0, 7], ids=["at once", "by a patch"])
def test_many_texts_in_one_object_go_apart_where_it_would_be_crowded(place: Place, where: str, first: int) -> None:
    store, value = opened(place), texts(100)
    assert len(json.dumps(value)) > 2 * 64 * KIB
    store.save("d", WHERE[where](dict(list(value.items())[:first])) or {"other": 1})
    store.save("d", WHERE[where](value))
    loaded = opened(place).load("d")
    assert loaded is not None
    assert {**loaded.parts, "other": 1} == {**WHERE[where](value), "other": 1}
    for turn in range(40):  # over a snapshot, with what is known and with what was read
        (store if turn % 2 else opened(place)).save("d", {"turn": turn})
    again = opened(place).load("d")
    assert again is not None
    assert {**again.parts, "turn": 0, "other": 1} == {**WHERE[where](value), "turn": 0, "other": 1}
    assert opened(place).verify().ok


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("where", ["a part", "an item"])
def test_what_no_commit_can_hold_is_refused_and_nothing_is_lost(place: Place, where: str) -> None:
    store = opened(place)
    store.save("d", {"small": 1})
    before = place.files()
    with pytest.raises(InvalidValueError, match="divide it among"):
        store.save("d", WHERE[where]({f"key {n}": n for n in range(10_000)}))
    assert place.files() == before
    assert store.save("d", {"small": 2}).seq == 2
    assert store.verify().ok


@pytest.mark.usefixtures("small")
def test_lists_of_any_length_fit(place: Place) -> None:
    store = opened(place)
    items = [{"n": n, "text": "x" * 100} for n in range(5_000)]
    store.save("d", {"list": items, "nested": {"deeper": {"list": items}}})
    loaded = opened(place).load("d")
    assert loaded is not None
    assert loaded.parts["nested"] == {"deeper": {"list": items}}


@pytest.mark.parametrize("delta", [0, 1])
def test_a_commit_of_just_the_limit_is_written_and_read(
    place: Place, delta: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(place)
    store.save("d", {"text": "x" * 30_000})
    (key,) = place.files("sessions/")
    size = len(zstd.inflate(place.files()[key], limit=10**6))
    monkeypatch.setattr(commits, "MAX_BYTES", size - delta)
    if delta:
        with pytest.raises(InvalidValueError):
            store.save("e", {"text": "x" * 30_000})
        with pytest.raises(IntegrityError):
            opened(place).load("d")
    else:
        store.save("e", {"text": "x" * 30_000})
        assert opened(place).load("e") is not None


def test_a_text_that_no_object_can_hold_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MAX_TEXT_BYTES", 2**20)
    with pytest.raises(InvalidValueError, match="binary artifact"):
        opened(place).save("d", {"text": "x" * 2**21})
    assert opened(place).load("d") is None


def bomb(size: int) -> bytes:
    """Make a frame of a few KiB that holds so many spaces."""
    return zstd.compress(b" " * size)


def forge(
    place: Place, body: dict[str, Any], objects: dict[str, tuple[int, bytes]], patches: Sequence[dict[str, Any]] = ()
) -> None:
    """Put a session into the store as somebody could who knows the format, and may write there."""
    opened(place).save("other", {"a": 1})
    for name, (_, data) in objects.items():
        place.put(f"sessions/d/objects/0/{name}", data)
    parent = None
    for seq, inner in enumerate([body, *patches], 1):
        record = {
            "format": 1, "id": "d", "seq": seq, "parent": parent, "commit": "0" * 32,
            "time": "2026-11-26T00:00:00.000000Z", "epoch": 0, "floor": 1, "born": 0,
            "kind": "snapshot" if seq == 1 else "patch", "requires": [], "keys": [], "summary": {},
            "objects": {name: [0, size] for name, (size, _) in objects.items()}, "body": inner,
        }  # fmt: skip
        text = json.dumps(record, separators=(",", ":"))[:-1].encode()
        parent = hashlib.sha256(text).hexdigest()
        place.put(f"sessions/d/log/000000/{seq:010d}", text + f',"self":"{parent}"}}'.encode())


@pytest.mark.parametrize("what", ["commit", "leaf", "text"])
def test_a_bomb_is_refused_before_it_goes_off(place: Place, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = commits.MAX_BYTES + 1
    frame = bomb(size)
    assert len(frame) < 8 * KIB
    if what == "commit":
        opened(place).save("d", {"a": 1})
        place.put("sessions/d/log/000000/0000000001", frame)
    else:
        name = hashlib.sha256(b" " * size).hexdigest() + ".zst"
        monkeypatch.setattr(state, "MAX_TEXT_BYTES", size - 1)
        value: Any = {"=": name} if what == "text" else [{"=list": name}]
        forge(place, {"a": value}, {name: (size, frame)})
    tracemalloc.start()
    try:
        with pytest.raises((IntegrityError, FormatError)):
            opened(place).load("d")
        assert not opened(place).verify().ok
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


def is_refused_within(size: int, place: Place) -> None:
    """See that what was forged is refused, by a load and by verify, before it takes so many bytes of memory."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            opened(place).load("d")
        assert not opened(place).verify().ok
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def test_a_leaf_that_is_said_to_be_larger_than_any_is_not_read(place: Place) -> None:
    size = commits.MAX_BYTES + 1
    name = hashlib.sha256(b" " * size).hexdigest() + ".zst"
    forge(place, {"a": [{"=list": name}]}, {name: (size, bomb(size))})
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            opened(place).load("d")
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", ["whole", "cut off"])
def test_a_bomb_is_no_torn_commit_where_writes_may_be_torn(end: str) -> None:
    place = TwoSteps.isolated()
    store = DocumentStore(place, single_writer=True)
    store.save("d", {"a": 1})
    block = (128 * KIB << 3 | 2).to_bytes(3, "little") + b"a"  # one byte, 128 KiB long
    last = (128 * KIB << 3 | 3).to_bytes(3, "little") + b"a"
    frame = b"\x28\xb5\x2f\xfd\x00\x38" + block * 4000 + (last if end == "whole" else b"")
    place.put("sessions/d/log/000000/0000000002", frame)
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="at=1"):
            DocumentStore(place, single_writer=True).load("d")
        assert not DocumentStore(place, single_writer=True).verify().ok
        assert tracemalloc.get_traced_memory()[1] < commits.MAX_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("within", ["a list", "lists"])
def test_a_few_leaves_that_name_each_other_are_no_endless_list(
    place: Place, within: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_ITEMS", 1_000_000)
    objects: dict[str, tuple[int, bytes]] = {}
    items: list[Any] = [0] * 1_000
    for _ in range(4):  # a thousand to the fourth power, from some KiB
        raw = json.dumps(items).encode()
        name = hashlib.sha256(raw).hexdigest() + ".zst"
        objects[name] = (len(raw), zstd.compress(raw))
        items = [{"=list": name}] * 1_000
    forge(place, {"a": items if within == "a list" else [[item] for item in items]}, objects)
    is_refused_within(30 * 2**20, place)


@pytest.mark.parametrize(
    ("lists", "patches"),
    [
        pytest.param(1, [[[0, 1_000 * 2**n]] * 2 for n in range(16)], id="of a list in many commits"),
        pytest.param(1, [[[0, 1_000]] * 50_000], id="of a list in one"),
        pytest.param(40, [[[0, 1_000]] * 900], id="of many lists in one"),
    ],
)
def test_a_few_ranges_that_repeat_each_other_are_no_endless_list(
    place: Place, lists: int, patches: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_ITEMS", 1_000_000)
    keys = [str(n) for n in range(lists)]
    body = {key: [0] * 1_000 for key in keys}
    forge(place, body, {}, [{"sub": {key: {"list": pieces} for key in keys}} for pieces in patches])
    is_refused_within(50 * 2**20, place)
    assert opened(place).load("d", at=1) is not None


def test_a_list_of_more_items_than_can_be_read_is_not_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LEAF_BYTES", 8 * KIB)
    for module in (state, encode):
        monkeypatch.setattr(module, "MAX_ITEMS", 10_000)
    store = opened(place)
    store.save("d", {"list": [*range(9_000)]})
    with pytest.raises(InvalidValueError, match="more than 10000 items"):
        store.save("e", {"list": [*range(20_000)]})
    assert opened(place).load("d") is not None
    assert opened(place).load("e") is None


@pytest.mark.parametrize("depth", [300, 480])
def test_what_is_stored_deeper_than_anything_that_is_saved_is_refused_with_its_key(place: Place, depth: int) -> None:
    key = "sessions/d/log/000000/0000000001"
    opened(place).save("d", {"part": {"a": 1}})
    data = place.backend.get(key)
    assert data is not None
    text = data[:-75].replace(b'{"a":1}', b'{"a":' * depth + b"1" + b"}" * depth)
    place.put(key, text + b',"self":"' + hashlib.sha256(text).hexdigest().encode() + b'"}')
    with pytest.raises(FormatError, match=r"nested deeper|not of this format") as caught:
        opened(place).load("d")
    assert caught.value.key == key


def nested(innermost: int) -> Any:
    value: Any = innermost
    for level in range(MAX_DEPTH - 1):
        value = {"a": value} if level % 2 else [value]
    return value


def test_a_deep_stack_of_the_caller_is_no_damage(place: Place) -> None:
    store = opened(place)
    store.save("d", {"part": nested(2)}, base=store.save("d", {"part": nested(1)}))
    loaded = until_it_overflows(lambda: opened(place).load("d"))
    assert [each and each.parts for each in loaded] == [{"part": nested(2)}] * len(loaded)
    assert all(report.ok for report in until_it_overflows(opened(place).verify))
    assert len(loaded) > 10
