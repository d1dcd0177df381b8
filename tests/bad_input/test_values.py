"""Values that are no JSON, or barely: each comes back exactly, or is refused by name before anything is written."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from objstore import DocumentStore, InvalidValueError, Message, SessionData, SessionStore, TextBlock, ToolUseBlock
from tests.places import Place


class Level(enum.StrEnum):
    HIGH = "high"


class Number(enum.IntEnum):
    SEVEN = 7


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"k": value} if level % 2 else [value]
    return value


def cycle() -> Any:
    value: dict[str, Any] = {}
    value["list"] = [value]
    return value


BAD: dict[str, Any] = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": {"deep": [float("-inf")]},
    "lone surrogate": "a\ud800b",
    "lone surrogate in a key": {"\udfff": 1},
    "set": {1, 2},
    "frozenset": frozenset({1}),
    "datetime": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "decimal": decimal.Decimal("1.5"),
    "bytes": b"raw",
    "bytearray": bytearray(b"raw"),
    "object": object(),
    "function": len,
    "class": int,
    "complex": 1j,
    "generator": (n for n in range(3)),
    "key of int": {1: "x"},
    "keys that collide": {1: "x", "1": "y"},
    "key of bool": {True: 1},
    "key of None": {None: 1},
    "key of tuple": {(1, 2): 1},
    "cycle": cycle(),
    "201 deep": nested(201),
    "260 deep": nested(260),
    "600 deep": nested(600),
    "100,000 deep": nested(100_000),
    "an integer of 700 digits": 10**700,
    "an integer of 5,000 digits": -(10**5000),
}

FINE: dict[str, tuple[Any, Any]] = {
    "tuple": ((1, (2,)), [1, [2]]),
    "ordered": (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "str enum": (Level.HIGH, "high"),
    "int enum": (Number.SEVEN, 7),
    "bool": (True, True),
    "model": (TextBlock(text="x"), {"type": "text", "text": "x"}),
    "190 deep": (nested(190), nested(190)),
    "an integer of 401 digits": (10**400, 10**400),
    "a long key": ({"k" * 1_000_000: 1}, {"k" * 1_000_000: 1}),
    "a long text": ("t" * 2_000_000, "t" * 2_000_000),
    "minus zero": ([-0.0, 0.0, 0], [-0.0, 0.0, 0]),
    "small and large": ([5e-324, 1.7976931348623157e308, 2**63, 2**64], [5e-324, 1.7976931348623157e308, 2**63, 2**64]),
    "odd text": ('\0\x01\u2028\ufeff\U0010ffff\x7f\r\n\t"\\/', '\0\x01\u2028\ufeff\U0010ffff\x7f\r\n\t"\\/'),
    "empty": ({"": {}, "l": [], "s": "", "n": None}, {"": {}, "l": [], "s": "", "n": None}),
}


def session_with(value: Any) -> SessionData:
    """Put a value into a tool's arguments in place, behind the back of the model."""
    session = SessionData.new("s")
    block = ToolUseBlock(id="1", name="t", input={})
    session.messages.append(Message(role="assistant", content=[block]))
    block.input["value"] = value
    return session


def value_in(store: SessionStore) -> Any:
    session = store.load("s")
    assert session is not None
    block = session.messages[-1].content[0]
    assert isinstance(block, ToolUseBlock)
    return block.input["value"]


WAYS: dict[str, Callable[[SessionStore, SessionData], object]] = {
    "save": lambda store, session: store.save(session),
    "commit": lambda store, session: store.commit(session, trace_events=[]),
    "append": lambda store, session: store.append("s", messages=session.messages),
    "save on a base": lambda store, session: store.save(session, base=store.history("s")[0].seq),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_what_is_no_json_is_refused_before_anything_is_written(
    memory: Place, way: Callable[[SessionStore, SessionData], object], bad: Any
) -> None:
    store = memory.open()
    store.save(SessionData.new("s"))
    before = memory.files()
    with pytest.raises(InvalidValueError, match=r"(session|appended)\.messages\[0\]\.content\[0\]\.input") as caught:
        way(store, session_with(bad))
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300
    assert memory.files() == before
    assert store.load("s") == memory.open().load("s")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_an_empty_place_stays_empty_after_a_refusal(bad: Any) -> None:
    place = Place(f"memory://values/{uuid.uuid4().hex}")
    with pytest.raises(InvalidValueError):
        place.open().save(session_with(bad))
    if not isinstance(bad, bytes):
        with pytest.raises(InvalidValueError, match="part"):
            DocumentStore(place.target).save("d", {"part": bad})
        with pytest.raises(InvalidValueError, match="part"):
            DocumentStore(place.target).append("d", {"part": [bad]})
    assert place.files() == {}


@pytest.mark.parametrize(("given", "stored"), FINE.values(), ids=FINE.keys())
@pytest.mark.parametrize("way", ["save", "append"])
def test_what_can_be_json_comes_back_the_same_from_memory_and_from_the_place(
    memory: Place, way: str, given: Any, stored: Any
) -> None:
    store = memory.open()
    store.save(SessionData.new("s"))
    WAYS[way](store, session_with(given))
    for reader in (store, memory.open()):
        found = value_in(reader)
        assert repr(found) == repr(stored)  # which tells 0.0 from -0.0 and 1 from True
    writes = len(store.history("s"))
    loaded = store.load("s")
    assert loaded is not None
    store.save(loaded)
    assert len(store.history("s")) == writes
    assert store.verify().ok


@pytest.mark.parametrize("depth", [1, 150, 195, 199, 200])
def test_a_document_as_deep_as_is_taken_can_be_loaded_and_changed(memory: Place, depth: int) -> None:
    store = DocumentStore(memory.target)
    store.save("d", {"part": nested(depth)})
    store.append("d", {"list": [nested(depth - 1)]})
    store.save("d", {"part": {"other": nested(depth - 1)}})
    for n, part in ((1, nested(depth)), (3, {"other": nested(depth - 1)})):
        found = DocumentStore(memory.target).load("d", at=n)
        assert found is not None
        assert found.parts["part"] == part


def test_whatever_depth_is_taken_by_one_call_is_taken_by_the_next(memory: Place) -> None:
    store = memory.open()
    store.save(SessionData.new("s"))
    deepest = 0
    for depth in range(185, 201):
        try:
            store.append("s", messages=session_with(nested(depth)).messages)
        except InvalidValueError:
            break
        deepest = depth
        session = memory.open().load("s")
        assert session is not None
        session.messages.reverse()
        memory.open().save(session)
        assert memory.open().load("s") == session
    assert deepest >= 190


@pytest.mark.parametrize("name", ["", "\ud800", 1, None, b"x"], ids=repr)
def test_a_part_has_a_name_that_can_be_written(memory: Place, name: Any) -> None:
    store = DocumentStore(memory.target)
    with pytest.raises(InvalidValueError):
        store.save("d", {name: 1})
    with pytest.raises(InvalidValueError):
        store.append("d", {name: [1]})
    assert memory.files() == {}


@pytest.mark.parametrize("key", ["", "k" * 129, "\u20ac" * 43, "\ud800", 5, b"x"], ids=lambda key: repr(key)[:8])
def test_an_idempotency_key_is_a_short_text(memory: Place, key: Any) -> None:
    with pytest.raises(InvalidValueError):
        memory.open().commit(SessionData.new("s"), key=key)
    assert memory.files() == {}


@pytest.mark.parametrize("key", ["k", "k" * 128, "\u20ac" * 42], ids=lambda key: repr(key)[:8])
def test_a_key_of_up_to_128_bytes_is_answered(memory: Place, key: str) -> None:
    store, session = memory.open(), SessionData.new("s")
    assert store.commit(session, key=key) == store.commit(session, key=key)
    assert [commit.seq for commit in store.history("s")] == [1]
