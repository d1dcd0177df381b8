"""Ids, names and values of any kind come back as they went in, and what is deleted is gone."""

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
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("langgraph.checkpoint.base", reason="langgraph is not installed")

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from objstore import DocumentStore, FormatError, InvalidIdError, InvalidValueError
from objstore.backends import MemoryBackend
from objstore.integrations.langgraph import ObjstoreSaver
from tests.places import Place


def thread(id: Any = "t", space: str = "", checkpoint: str | None = None) -> RunnableConfig:
    named = {} if checkpoint is None else {"checkpoint_id": checkpoint}
    return {"configurable": {"thread_id": id, "checkpoint_ns": space, **named}}


def put(
    saver: ObjstoreSaver, values: dict[str, Any], config: RunnableConfig | None = None, **meta: Any
) -> RunnableConfig:
    checkpoint = empty_checkpoint()
    versions: ChannelVersions = dict.fromkeys(values, 1)
    checkpoint |= {"id": str(uuid.uuid4()), "channel_values": values, "channel_versions": versions}
    return saver.put(config or thread(), checkpoint, {"source": "loop", "step": 0, **meta}, versions)  # type: ignore[typeddict-item]


def got(saver: ObjstoreSaver, config: RunnableConfig | None = None) -> CheckpointTuple:
    found = saver.get_tuple(config or thread())
    assert found is not None
    return found


IDS = [
    "a/b",
    "a\\b",
    "a_b",
    "A_B",
    "../up",
    ".",
    "con",
    " ",
    "é",
    "e\u0301",
    "=",
    "a=b",
    "line\nbreak",
    "x" * 1024,
    "🧵",
]


def test_threads_of_any_id_are_apart(place: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(place))
    for id in IDS:
        put(saver, {"id": id}, thread(id))
    fresh = ObjstoreSaver(open_store(place))
    for id in IDS:
        assert got(fresh, thread(id)).checkpoint["channel_values"] == {"id": id}
        assert got(fresh, thread(id)).config["configurable"]["thread_id"] == id
    assert sorted(found.config["configurable"]["thread_id"] for found in fresh.list(None)) == sorted(IDS)
    fresh.delete_thread("a/b")
    assert {found.config["configurable"]["thread_id"] for found in saver.list(None)} == {*IDS} - {"a/b"}


def test_a_number_as_the_id_of_a_thread_is_its_text(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(memory))
    put(saver, {"a": 1}, thread(42))
    assert got(saver, thread("42")).checkpoint["channel_values"] == {"a": 1}


def test_a_listing_gives_what_stands_before_a_checkpoint(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    saver, config = ObjstoreSaver(open_store(memory)), thread()
    configs: list[RunnableConfig] = []
    for n in range(5):
        checkpoint = empty_checkpoint() | {"channel_values": {"n": n}, "channel_versions": {"n": n + 1}}
        config = saver.put(config, checkpoint, {"step": n}, {"n": n + 1})  # type: ignore[arg-type]
        configs.append(config)

    def listed(before: RunnableConfig | None, **options: Any) -> list[int]:
        return [
            found.checkpoint["channel_values"]["n"] for found in saver.list(thread(space=""), before=before, **options)
        ]

    assert [listed(config) for config in configs] == [[], [0], [1, 0], [2, 1, 0], [3, 2, 1, 0]]
    assert listed(configs[3], limit=2) == [2, 1]
    assert listed(None) == listed(thread()) == [4, 3, 2, 1, 0]


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


@pytest.mark.parametrize("id", ["", "a\0b", "x" * 1025, "\ud800"])
def test_ids_that_no_store_can_keep_are_refused(
    memory: Place, open_store: Callable[..., DocumentStore], id: str
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    with pytest.raises(InvalidIdError):
        put(saver, {"a": 1}, thread(id))
    with pytest.raises(InvalidIdError):
        saver.get_tuple(thread(id))


@pytest.mark.parametrize("name", ["", "a:b|c:d", "a/b", "=", "\0", "🧵", "x" * 2000])
def test_names_within_a_thread_may_be_any(memory: Place, open_store: Callable[..., DocumentStore], name: str) -> None:
    saver = ObjstoreSaver(open_store(memory))
    config = put(saver, {name: [name]}, thread(space=name))
    put(saver, {"other": 1}, thread(space="another"))
    saver.put_writes(config, [(name, name)], name, name)
    found = got(ObjstoreSaver(open_store(memory)), thread(space=name))
    assert found.checkpoint["channel_values"] == {name: [name]}
    assert found.pending_writes == [(name, name, name)]
    assert [other.checkpoint["channel_values"] for other in saver.list(thread(space=name))] == [{name: [name]}]


def test_a_name_that_would_not_be_found_again_is_refused(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    store = open_store(memory)
    saver, long = ObjstoreSaver(store), "x" * 300_000
    config = put(saver, {"a": 1})
    checkpoint = empty_checkpoint() | {"channel_values": {"a": 1}, "channel_versions": {"a": long}}
    calls: list[Callable[[], Any]] = [
        lambda: put(saver, {"a": 1}, thread(space=long)),
        lambda: saver.put(config, checkpoint, {"step": 1}, {"a": long}),  # type: ignore[arg-type]
        lambda: saver.put(config, {**empty_checkpoint(), "versions_seen": {"n": {"a": long}}}, {"step": 1}, {}),
        lambda: saver.put_writes(config, [("a", 1)], long),
        lambda: saver.put_writes(config, [("a", 1)], "task", long),
        lambda: saver.put_writes(config, [("a", 1), (long, 1)], "task"),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError, match="a name of 300,000 characters cannot be stored"):
            call()
    assert len(store.history("t")) == 1


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


def test_what_is_deleted_is_gone_from_the_document(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    store = open_store(memory)
    saver = ObjstoreSaver(store)
    first = put(saver, {"kept": ["k" * 100], "page": "first " * 5000}, run_id="one")
    second = put(saver, {"kept": ["k" * 100, "l" * 100], "page": "second " * 5000}, first, run_id="two")
    third = put(saver, {"kept": ["k" * 100, "l" * 100], "page": "third " * 5000}, second, run_id="three")
    saver.put_writes(second, [("page", "written " * 5000)], "task")
    saver.delete_for_runs(["two"])
    fresh = ObjstoreSaver(open_store(memory))
    assert [found.config["configurable"]["checkpoint_id"] for found in fresh.list(thread())] == [
        third["configurable"]["checkpoint_id"], first["configurable"]["checkpoint_id"],
    ]  # fmt: skip
    assert got(fresh).checkpoint["channel_values"] == {"kept": ["k" * 100, "l" * 100], "page": "third " * 5000}
    document = store.load("t")
    assert document is not None
    assert sum(name.startswith("value/") for name in document.names) == 2
    assert "second" not in repr(document.parts)
    assert "written" not in repr(document.parts)
    saver.delete_for_runs(["one", "three"])
    assert store.list() == []
    assert fresh.get_tuple(thread()) is None


@pytest.mark.parametrize("wrong", ["t", b"t", 5])
def test_an_id_is_not_taken_for_one_per_letter(
    memory: Place, open_store: Callable[..., DocumentStore], wrong: Any
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    put(saver, {"kept": 1}, thread(str(ord("t"))), run_id="r")
    put(saver, {"kept": 1}, run_id="t")
    with pytest.raises(TypeError, match=rf"^threads must be a list, not {type(wrong).__name__}$"):
        saver.prune(wrong, strategy="delete")
    with pytest.raises(TypeError, match=rf"^runs must be a list, not {type(wrong).__name__}$"):
        saver.delete_for_runs(wrong)
    assert len(list(saver.list(None))) == 2


def test_a_thread_that_was_deleted_can_begin_anew(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver, other = ObjstoreSaver(open_store(memory)), ObjstoreSaver(open_store(memory))
    put(saver, {"a": "old"})
    assert got(other).checkpoint["channel_values"] == {"a": "old"}
    saver.delete_thread("t")
    assert other.get_tuple(thread()) is None
    put(other, {"a": "new"})
    assert [found.checkpoint["channel_values"] for found in saver.list(thread())] == [{"a": "new"}]


def test_a_document_of_something_else_is_refused(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    store = open_store(memory)
    store.save("t", {"messages": []})
    saver = ObjstoreSaver(store)
    with pytest.raises(FormatError, match="no thread of LangGraph"):
        saver.get_tuple(thread())
    with pytest.raises(FormatError, match="no thread of LangGraph"):
        put(saver, {"a": 1})
    assert store.load("t", parts=["messages"]) is not None


def test_a_thread_of_a_newer_objstore_is_refused(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    store = open_store(memory)
    saver = ObjstoreSaver(store)
    put(saver, {"a": 1})
    store.save("t", {"langgraph": 2})
    with pytest.raises(FormatError, match="form 2, which this objstore does not know; upgrade"):
        saver.get_tuple(thread())
    with pytest.raises(FormatError, match="form 2"):
        put(saver, {"a": 1})


def test_writes_need_a_checkpoint(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(memory))
    with pytest.raises(InvalidValueError, match="names no checkpoint_id"):
        saver.put_writes(thread(), [("a", 1)], "task")


ITEMS = st.text("ab", min_size=70, max_size=72)
LISTS = st.lists(ITEMS, max_size=6)
DICTS = st.dictionaries(st.sampled_from("abcd"), ITEMS, max_size=4)
STEP = st.tuples(
    st.fixed_dictionaries({}, optional={"list": LISTS, "dict": DICTS, "text": ITEMS, "none": st.none()}),
    st.sets(st.sampled_from(["list", "dict", "text"]), max_size=1),  # channels that are emptied
    st.integers(0, 5),  # how far back the parent is
    st.sampled_from(["one", "two", "three"]),  # the run
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12), st.sets(st.sampled_from(["one", "two", "three"]), max_size=2))
def test_any_history_reads_as_it_was_written_and_what_is_left_of_it_too(
    steps: list[tuple[dict[str, Any], set[str], int, str]], deleted: set[str]
) -> None:
    backend = MemoryBackend.isolated()
    saver = ObjstoreSaver(DocumentStore(backend))
    stored: list[tuple[RunnableConfig, dict[str, Any], dict[str, int], str]] = []
    for n, (changes, emptied, back, run) in enumerate(steps, 1):
        config, values, versions, _ = stored[max(0, len(stored) - 1 - back)] if stored else (thread(), {}, {}, "")
        if stored and back:
            config = got(saver, config).config  # a branch, since it is named
        new = dict.fromkeys(changes.keys() | emptied, n)
        values = {name: value for name, value in {**values, **changes}.items() if name not in emptied}
        versions = {**versions, **new}
        checkpoint = empty_checkpoint() | {"channel_values": values, "channel_versions": versions}
        config = saver.put(config, checkpoint, {"run_id": run}, new)  # type: ignore[arg-type]
        stored.append((config, values, versions, run))
    saver.delete_for_runs([*deleted])
    fresh = ObjstoreSaver(DocumentStore(backend))
    left = [(values, versions, run) for _, values, versions, run in stored if run not in deleted]
    found = [
        (tup.checkpoint["channel_values"], tup.checkpoint["channel_versions"], tup.metadata["run_id"])
        for tup in fresh.list(thread())
    ]
    assert found == left[::-1]


ACTS = st.tuples(
    st.integers(0, 1),  # which saver
    st.sampled_from(["put", "put", "writes", "delete one", "delete two", "prune", "delete"]),
    st.sampled_from(["one", "two"]),  # the run
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_savers_that_remember_read_what_one_reads_that_does_not(acts: list[tuple[int, str, str]]) -> None:
    backend = MemoryBackend.isolated()
    savers = [ObjstoreSaver(DocumentStore(backend), patience=0) for _ in range(2)]
    for n, (which, act, run) in enumerate(acts):
        saver = savers[which]
        newest = saver.get_tuple(thread())
        if act == "put":
            put(saver, {"list": [f"item {n} " * 10] * (n % 3)}, newest.config if newest else thread(), run_id=run)
        elif act == "writes" and newest:
            saver.put_writes(newest.config, [("list", n), ("__error__", n)], f"task {n % 3}")
        elif act.startswith("delete "):
            saver.delete_for_runs([act.removeprefix("delete ")])
        elif act == "prune":
            saver.prune(["t"])
        elif act == "delete":
            saver.delete_thread("t")
        assert list(saver.list(thread())) == list(ObjstoreSaver(DocumentStore(backend)).list(thread()))


def test_a_value_that_is_deleted_while_its_checkpoint_is_read_is_left_out(memory: Place) -> None:
    other = ObjstoreSaver(DocumentStore(memory.target))
    first = put(other, {"page": "first " * 5000})
    second = put(other, {"page": "second " * 5000}, first)

    class Overtaken(DocumentStore):
        before: Callable[[], Any] = bool

        def load(self, *args: Any, **options: Any) -> Any:
            self.before()
            return super().load(*args, **options)

    store = Overtaken(memory.target)
    saver = ObjstoreSaver(store)
    store.before = lambda: other.prune(["t"])
    assert [found.config["configurable"]["checkpoint_id"] for found in saver.list(thread())] == [
        second["configurable"]["checkpoint_id"]  # type: ignore[typeddict-item]
    ]
    store.before = lambda: other.delete_thread("t")
    assert saver.get_tuple(thread()) is None


def test_a_thread_that_goes_on_while_all_of_it_is_deleted_keeps_what_is_new(memory: Place) -> None:
    other = ObjstoreSaver(DocumentStore(memory.target))
    first = put(other, {"a": 1}, run_id="one")

    class Overtaken(DocumentStore):
        new: RunnableConfig | None = None

        def view(self, *args: Any, **options: Any) -> Any:
            found = super().view(*args, **options)
            self.new = self.new or put(other, {"a": 2}, first, run_id="two")
            return found

    store = Overtaken(memory.target)
    ObjstoreSaver(store).delete_for_runs(["one"])
    assert [found.config["configurable"]["checkpoint_id"] for found in other.list(thread())] == [
        (store.new or {})["configurable"]["checkpoint_id"]  # type: ignore[typeddict-item]
    ]
