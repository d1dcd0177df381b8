"""A thread is what was written to it: any history, what is left of it, and what is deleted is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("langgraph.checkpoint.base", reason="langgraph is not installed")

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint

from objstore import DocumentStore, FormatError, InvalidValueError
from objstore.backends import MemoryBackend
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.langgraph.checkpoints import got, put, thread
from tests.places import Place


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


def test_a_checkpoint_whose_parent_stays_is_left_as_it_is(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    config = thread()
    for n in range(4):
        config = put(saver, {"kept": ["k" * 100] * (n + 1)}, config, run_id=str(n))
    before = open_store(memory).load("t")
    saver.delete_for_runs(["1"])
    after = open_store(memory).load("t")
    assert before is not None
    assert after is not None
    old: Any = before.parts["checkpoints"]
    new: Any = after.parts["checkpoints"]
    assert (new[0], new[2]) == (old[0], old[3])
    assert new[1] != old[2]


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
