"""Values of any kind come back as they went in, by any serialiser, and big ones are stored once."""

from __future__ import annotations

import asyncio
import copy
import datetime
import decimal
import math
import traceback
import uuid
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="langgraph is not installed")

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from objstore import DocumentStore, FormatError
from objstore.backends import MemoryBackend
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.langgraph.checkpoints import got, put, thread
from tests.places import Place


@pytest.mark.parametrize("follows", [False, True])
def test_a_checkpoint_can_be_changed_by_who_made_it_while_it_waits(
    memory: Place, open_store: Callable[..., DocumentStore], follows: bool
) -> None:
    saver = ObjstoreSaver(open_store(memory), patience=60)  # which the checkpoint of an input has
    config = put(saver, {"a": ["zero"], "b": {"x": [1]}}) if follows else thread()
    given: Any = empty_checkpoint() | {
        "channel_versions": {"a": 2, "b": 1},
        "versions_seen": {"node": {"a": 1}},
        "channel_values": {"a": ["one"], "b": {"x": [1]}},
    }
    kept, metadata = copy.deepcopy(given), {"source": "input", "step": 0, "of": []}

    async def main() -> None:
        putting = asyncio.ensure_future(saver.aput(config, given, metadata, {"a": 2}))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        metadata["of"] = ["changed"]
        given["channel_versions"].update(a=3, b=3, c=3)
        given["versions_seen"]["node"]["a"] = 3
        given["versions_seen"]["other"] = {}
        given["channel_values"]["a"].append("two")
        given["channel_values"]["b"]["x"].append(2)
        given["channel_values"]["c"] = "new"
        given["id"] = "another"
        assert not putting.done()
        await saver.aput(thread(space="of one in more of a hurry"), empty_checkpoint(), {"step": 0}, {})
        await putting

    asyncio.run(main())
    found = got(ObjstoreSaver(open_store(memory)))
    assert found.checkpoint == kept
    assert found.metadata == {"source": "input", "step": 0, "of": []}


VALUES: list[Any] = [
    None, True, 0, -1, 2**62, 1.5, math.inf, "", "é\0\x7f\x80\u2028🧵", b"", bytes(range(256)), bytearray(b"\xff\0"),
    b"\0" * 1_000_000, "x" * 1_000_000, [], [[]], [None], [1, 2, 3], list(range(1000)), {}, {"=": "x", "==": 1},
    {"put": 1, "cut": ["a"]}, ["msgpack", "part"], {1: "a", (2, 3): "b"}, {1, 2}, frozenset({"a"}),
    {(1, 2): "c" * 100}, {1: "d" * 100},
    [b"\xff" * 100, "y" * 30_000, None, b"\xff" * 100], {"big": "z" * 40_000, "small": [1]}, uuid.UUID(int=7),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), decimal.Decimal("1.10"), datetime.timedelta(seconds=1),
    [HumanMessage("hello " * 20, id="1"), AIMessage("", id="2", tool_calls=[{"id": "c", "name": "n", "args": {}}])],
]  # fmt: skip


def test_values_of_any_kind_come_back(place: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(place))
    values = {f"channel {n}": value for n, value in enumerate(VALUES)}
    config = put(saver, values, extra={"nested": [1, {"a": None}]}, long="m" * 400_000)
    saver.put_writes(config, [*values.items()], "task")
    found = got(ObjstoreSaver(open_store(place)))
    assert found.checkpoint["channel_values"] == values
    for name, value in values.items():
        assert type(found.checkpoint["channel_values"][name]) is type(value)
    assert found.pending_writes == [("task", name, value) for name, value in values.items()]
    assert found.metadata == {"source": "loop", "step": 0, "extra": {"nested": [1, {"a": None}]}, "long": "m" * 400_000}
    fresh = ObjstoreSaver(open_store(place))
    assert len(list(fresh.list(thread(), filter={"long": "m" * 400_000}))) == 1


def test_a_value_that_was_saved_may_be_changed(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(memory))
    value = {"list": ["a" * 100], "dict": {"key": "b" * 100}}
    put(saver, value)
    value["list"].append("more")  # type: ignore[attr-defined]
    got(saver).checkpoint["channel_values"]["dict"]["key"] = "changed"
    assert got(saver).checkpoint["channel_values"] == {"list": ["a" * 100], "dict": {"key": "b" * 100}}


class Turned:
    """A cipher for tests; like any good one it never gives the same text twice."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "turned", uuid.uuid4().bytes + bytes(byte ^ 0x5A for byte in plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        assert ciphername == "turned"
        return bytes(byte ^ 0x5A for byte in ciphertext[16:])


def test_with_a_cipher_no_value_and_no_metadata_is_readable_in_the_store() -> None:
    backend = MemoryBackend.isolated()
    saver = ObjstoreSaver(DocumentStore(backend), serde=EncryptedSerializer(Turned()))
    parent = put(saver, {"messages": ["a secret " * 10]}, user="secretive")
    checkpoint = empty_checkpoint() | {
        "channel_values": {"messages": ["a secret " * 10, "a secret " * 10_000]},
        "channel_versions": {"messages": 2},
    }
    config = saver.put(parent, checkpoint, {"source": "loop"}, {"messages": 2})  # type: ignore[arg-type]
    saver.put(parent, checkpoint, {"source": "loop"}, {"messages": 2})  # type: ignore[arg-type] # a repeated call
    saver.put_writes(config, [("messages", "a secret write")], "task")
    found = got(ObjstoreSaver(DocumentStore(backend), serde=EncryptedSerializer(Turned())))
    assert found.checkpoint["channel_values"] == checkpoint["channel_values"]
    assert [f.metadata["user"] for f in saver.list(thread(), filter={"user": "secretive"})] == ["secretive"]  # type: ignore[typeddict-item]

    def everything(prefix: str = "") -> bytes:
        entries = backend.list(prefix)
        names = [f"{prefix}{entry.name}" for entry in entries]
        return b"".join(
            everything(f"{name}/") if entry.is_directory else backend.get(name) or b""
            for name, entry in zip(names, entries, strict=True)
        )

    assert b"messages" in everything()  # names are plain
    assert b"secret" not in everything()


class Odd:
    """Something that only pickle knows."""

    def __init__(self, value: int) -> None:
        self.value = value


def test_a_serialiser_of_ones_own_is_used(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(memory), serde=JsonPlusSerializer(pickle_fallback=True))
    put(saver, {"odd": Odd(7)})
    assert got(saver).checkpoint["channel_values"]["odd"].value == 7


class Locked(Turned):
    """The same without the key."""

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        raise RuntimeError(f"this is no key for {super().decrypt(ciphername, ciphertext)!r}")


def test_that_a_serialiser_fails_is_said_without_what_it_said(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    put(ObjstoreSaver(open_store(memory), serde=EncryptedSerializer(Turned())), {"a": "secret"})
    saver = ObjstoreSaver(open_store(memory), serde=EncryptedSerializer(Locked()))
    with pytest.raises(
        FormatError, match="the serialiser raises RuntimeError; is it the one that wrote this"
    ) as caught:
        saver.get_tuple(thread())
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_what_a_task_wrote_first_stays_but_its_special_writes_are_replaced(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    config = put(saver, {})
    for attempt in ("first", "second"):
        saver.put_writes(config, [("a", attempt), ("__interrupt__", attempt)], "task", "path")
    assert got(saver).pending_writes == [("task", "__interrupt__", "second"), ("task", "a", "first")]


def test_a_big_value_is_stored_once_for_its_task_and_its_channel(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    store = open_store(memory)
    saver = ObjstoreSaver(store)
    big = "found " * 20_000
    config = put(saver, {})
    saver.put_writes(config, [("messages", [big])], "task")
    put(saver, {"messages": ["short " * 20, big]}, config)
    document = store.load("t", parts=())
    assert document is not None
    assert sum(name.startswith("value/") for name in document.names) == 1
