"""What a store remembers stays within its number of bytes."""

from __future__ import annotations

import pickle

import objstore
from objstore import ArtifactStore, DocumentStore, Message, SessionData
from objstore._engine.handle import Handle
from objstore._engine.memory import Memory
from objstore._format.refs import Ref
from objstore.backends.memory import MemoryBackend
from objstore.testing import memory_store
from objstore.testing.samples import artifact


def remembered(cache_bytes: int, sizes: list[int]) -> list[bool]:
    store = objstore.open(MemoryBackend.isolated(), cache_bytes=cache_bytes)
    for n, size in enumerate(sizes):
        store.save(session_of(f"s{n}", size))
    return [memory_of(store).get(f"s{n}") is not None for n in range(len(sizes))]


def session_of(id: str, size: int) -> SessionData:
    session = SessionData.new(id)
    session.messages.append(Message.user("x" * size))
    return session


def memory_of(store: objstore.SessionStore) -> Memory:
    layout = store._opened._layout
    assert isinstance(layout, Handle)
    return layout._memory


def test_the_session_used_last_is_remembered_whatever_its_size() -> None:
    assert remembered(10_000, [2_000, 2_000]) == [True, True]
    assert remembered(10_000, [2_000, 50_000]) == [False, True]
    assert remembered(10_000, [50_000, 2_000]) == [False, True]
    assert remembered(0, [10]) == [False]


def test_the_session_used_longest_ago_is_forgotten_first() -> None:
    store = objstore.open(MemoryBackend.isolated(), cache_bytes=25_000)
    for id in ("a", "b"):
        store.save(session_of(id, 9_000))
    assert memory_of(store).get("a") is not None
    store.save(session_of("c", 9_000))
    assert [memory_of(store).get(id) is not None for id in "abc"] == [True, False, True]


def test_an_older_head_does_not_take_the_place_of_a_newer_one() -> None:
    store = memory_store()
    store.save(session_of("s", 10))
    older = memory_of(store).get("s")
    store.append("s", messages=[Message.user("more")])
    newer = memory_of(store).get("s")
    assert older is not None
    assert newer is not None
    memory_of(store).put(older)  # a load that was on its way while another thread saved
    assert memory_of(store).get("s") is newer


def reads(cache_bytes: int, sizes: list[int]) -> list[int]:
    """Count what is read of big texts by each of some loads, of documents that have one of a size each, and again."""
    seen: list[str] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "get" and "/objects/" in event.key:
            seen.append(event.key)

    store = DocumentStore(MemoryBackend.isolated(), cache_bytes=cache_bytes, observer=watch)
    for n, size in enumerate(sizes):
        store.save(f"d{n}", {"text": "x" * size})
    counts = []
    for n in [*range(len(sizes))] * 2:
        before = len(seen)
        loaded = store.load(f"d{n}")
        assert loaded is not None
        assert loaded.parts == {"text": "x" * sizes[n]}
        counts.append(len(seen) - before)
    return counts


def test_big_texts_that_were_read_are_remembered_in_the_room_that_is_left() -> None:
    assert reads(2_000_000, [300_000, 400_000]) == [1, 1, 0, 0]
    assert reads(500_000, [300_000, 400_000]) == [1, 1, 1, 1]
    assert reads(500_000, [300_000]) == [1, 0]
    assert reads(0, [300_000]) == [1, 1]


def test_they_are_forgotten_before_a_session_is() -> None:
    memory = Memory(1_000_000)
    backend = MemoryBackend.isolated()
    store = objstore.open(backend)
    store.save(session_of("s", 200_000))
    base = memory_of(store).get("s")
    assert base is not None
    kept = Ref("0" * 64, 900_000, "text")
    memory.keep(kept, "x" * 900_000)
    memory.put(base)
    assert memory.contents(kept) is None
    assert memory.get("s") is base
    memory.keep(kept, "x" * 900_000)
    assert memory.contents(kept) is None
    assert memory.get("s") is base


def test_contents_that_were_loaded_are_not_kept_with_the_remembered_state() -> None:
    store = memory_store()
    artifacts = ArtifactStore()
    artifacts.put(artifact("a", "a line of output\n" * 10_000))
    store.commit(SessionData.new("s"), artifacts=artifacts)
    found = store.load_artifacts("s")
    assert found == artifacts
    remembered = memory_of(store).get("s")
    assert remembered is not None
    assert len(pickle.dumps(remembered.state)) < 10_000
    assert found is not None
    before = store.history("s")
    store.save_artifacts("s", found)  # and yet what is saved again is known to be there
    assert store.history("s") == before


def test_nor_are_those_of_a_state_that_was_restored() -> None:
    store = memory_store()
    artifacts = ArtifactStore()
    artifacts.put(artifact("a", "a line of output\n" * 10_000))
    store.commit(SessionData.new("s"), artifacts=artifacts)
    store.save_artifacts("s", ArtifactStore())
    store.restore("s", 1)
    remembered = memory_of(store).get("s")
    assert remembered is not None
    assert len(pickle.dumps(remembered.state)) < 10_000
    assert store.load_artifacts("s") == artifacts
