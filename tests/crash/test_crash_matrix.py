"""Every call that writes, broken off at every operation on the storage: the state is the old or the new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import objstore
from objstore import ArtifactStore, IntegrityError, Message, SessionData, SessionStore, ToolArtifact
from objstore.backends import Capabilities, MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request, Tear
from objstore.testing.samples import artifact, trace
from tests.crash.ways import WAYS, CrashError

PAST_ANY_CALL = 400


def artifacts(*names: str) -> ArtifactStore:
    store = ArtifactStore()
    for name in names:
        store.put(output(name))
    return store


def output(name: str) -> ToolArtifact:
    return artifact(name, f"{name} " * 2_000)


def session(store: SessionStore, id: str = "s") -> SessionData:
    found = store.load(id)
    assert found is not None
    return found


def live(store: SessionStore) -> None:
    """Give the store two sessions with a history."""
    for id in ("s", "t"):
        data = SessionData.new(id)
        for turn in range(3):
            data.messages.append(Message.user(f"turn {turn}"))
            store.commit(data, artifacts=artifacts(f"{id}{turn}"), trace_events=[trace(f"{id}{turn}")])


def deleted(store: SessionStore) -> None:
    live(store)
    store.delete("s")


def save(store: SessionStore) -> None:
    data = session(store)
    data.messages.append(Message.user("new"))
    store.save(data)


def commit(store: SessionStore) -> None:
    data = session(store)
    data.messages.append(Message.user("new"))
    store.commit(data, artifacts=artifacts("new1", "new2"), trace_events=[trace("s2"), trace("new")], run_records=[])


def append(store: SessionStore) -> None:
    store.append("s", messages=[Message.user("new")], trace_events=[trace("new")], artifacts=[output("new")])


def first_save(store: SessionStore) -> None:
    store.commit(SessionData.new("fresh"), artifacts=artifacts("fresh"))


def recreate(store: SessionStore) -> None:
    store.commit(SessionData.new("s"), artifacts=artifacts("again"))


def fork(store: SessionStore) -> None:
    store.fork("t", "branch")


def prune(store: SessionStore) -> None:
    store.prune("s", keep_last=1)


def delete(store: SessionStore) -> None:
    store.delete("s")


def purge(store: SessionStore) -> None:
    store.delete("s", purge=True)


def collect(store: SessionStore) -> None:
    store.collect()


def restore(store: SessionStore) -> None:
    store.restore("s", 1)


@dataclass(frozen=True)
class Case:
    act: Callable[[SessionStore], None]
    prepare: Callable[[SessionStore], None] = live
    layout: str = "log"

    def __str__(self) -> str:
        return f"{self.act.__name__}-{self.layout}"


CASES = [
    Case(save),
    Case(commit),
    Case(append),
    Case(first_save),
    Case(first_save, prepare=lambda _: None),
    Case(recreate, prepare=deleted),
    Case(fork),
    Case(prune),
    Case(delete),
    Case(purge),
    Case(collect),
    Case(collect, prepare=deleted),
    Case(restore),
]

State = dict[str, Any]


def opened(backend: MemoryBackend | FaultyBackend, layout: str) -> SessionStore:
    return objstore.open(backend, layout="tree" if layout == "tree" else None)


def state(backend: MemoryBackend, layout: str) -> State:
    """Read all that a reader can see, with a handle of its own."""
    return everything(opened(backend, layout))


def everything(store: SessionStore) -> State:
    seen: State = {}
    for id in ("s", "t", "fresh", "branch"):
        try:
            bundle = store.load_bundle(id)
        except IntegrityError as error:
            seen[id] = error.key
            continue
        if bundle is not None:
            parts = (bundle.session, bundle.artifacts, bundle.trace_events, bundle.run_records)
            # two runs make sessions at two times
            if bundle.session is not None:
                bundle.session.created_at = bundle.session.updated_at = 0
            seen[id] = parts
    return seen


def broken_off(case: Case, way: Callable[[], Fault], index: int) -> tuple[MemoryBackend, State, bool, bool]:
    """Prepare a store, break the call off at one operation; give the old state, and whether it was broken, and done."""
    memory = MemoryBackend.isolated()
    case.prepare(opened(memory, case.layout))
    old = state(memory, case.layout)
    hits = 0

    def choose(_: Request) -> Fault | None:
        nonlocal hits
        hits += 1
        return way() if hits == index + 1 else None

    done = False
    try:
        case.act(opened(FaultyBackend(memory, choose), case.layout))
        done = True
    except (CrashError, objstore.UnavailableError, objstore.OutcomeUnknownError):
        pass
    return memory, old, hits > index, done


def new_state(case: Case) -> State:
    memory = MemoryBackend.isolated()
    case.prepare(opened(memory, case.layout))
    case.act(opened(memory, case.layout))
    return state(memory, case.layout)


def every_place(case: Case, way: Callable[[], Fault]) -> Iterator[tuple[int, MemoryBackend, State, bool]]:
    for index in range(PAST_ANY_CALL):
        memory, old, broken, done = broken_off(case, way, index)
        if not broken:
            assert index > 0
            return
        yield index, memory, old, done
    raise AssertionError("a call that never ends")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_that_is_broken_off_leaves_the_old_state_or_the_new(case: Case, way: Callable[[], Fault]) -> None:
    new = new_state(case)
    places = 0
    for index, memory, old, done in every_place(case, way):
        places += 1
        after = state(memory, case.layout)
        assert after == new if done else after in (old, new), f"broken off at operation {index}"
        store = opened(memory, case.layout)
        report = store.verify()
        assert report.ok, (index, report.findings)
        # whoever comes next can go on, and what was left over can be collected without touching anything
        store.collect()
        assert state(memory, case.layout) == after
        case.act(store) if case.act is not fork or "branch" not in after else None
        assert store.verify().ok
    assert places > 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_file_of_a_tree_is_the_old_or_the_new(way: Callable[[], Fault]) -> None:
    case = Case(commit, layout="tree")
    new = new_state(case)
    for index, memory, old, done in every_place(case, way):
        after = state(memory, case.layout)
        for part in range(4):
            assert after["s"][part] in (old["s"][part], new["s"][part]), index
        if done:
            assert after == new
        if after["s"][0] == new["s"][0]:  # the session comes last: once it is new, its siblings are
            assert after == new


# Storages whose writes are not atomic: a crash may leave half of what was being written.


class TwoSteps(MemoryBackend):
    """A place where nobody promises that a create is exclusive, or that a write is whole."""

    capabilities = Capabilities(exclusive_create=False, atomic_put=False)


WRITES = ("create", "upload", "put", "copy")


def torn(case: Case, index: int, part: float) -> tuple[MemoryBackend, State, bool, str]:
    """Prepare a store, crash in the middle of one write; give the old state, and which object was torn, if one was."""
    place = TwoSteps.isolated()
    case.prepare(single(place, case.layout))
    old = single_state(place, case.layout)
    hits, hit = 0, ""

    def choose(request: Request) -> Fault | None:
        nonlocal hits, hit
        if request.operation not in WRITES:
            return None
        hits += 1
        if hits != index + 1:
            return None
        hit = request.keys[-1]
        return Tear(error=CrashError(), part=part)

    done = False
    try:
        case.act(single(FaultyBackend(place, choose), case.layout))
        done = True
    except CrashError:
        pass
    return place, old, done, hit


def single(backend: MemoryBackend | FaultyBackend, layout: str) -> SessionStore:
    return objstore.open(backend, layout="tree" if layout == "tree" else None, single_writer=True)


def single_state(place: MemoryBackend, layout: str) -> State:
    return everything(single(place, layout))


def every_torn_write(case: Case, part: float) -> Iterator[tuple[MemoryBackend, State, State, str]]:
    """Tear each write of a call; give the place, its state, the state after the call, and which object was torn."""
    ready = TwoSteps.isolated()
    case.prepare(single(ready, case.layout))
    case.act(single(ready, case.layout))
    new = single_state(ready, case.layout)
    for index in range(PAST_ANY_CALL):
        place, old, done, hit = torn(case, index, part)
        after = single_state(place, case.layout)
        if not hit:
            assert done
            assert after == new
            assert index > 0
            return
        assert after in (old, new), (index, hit)
        yield place, after, new, hit
    raise AssertionError("a call that never ends")


@pytest.mark.parametrize("part", [0, 0.5, 0.99], ids=["none of it", "half of it", "nearly all"])
@pytest.mark.parametrize("case", [case for case in CASES if case.act is not collect], ids=str)  # that writes nothing
def test_a_write_that_is_torn_is_a_save_that_crashed(case: Case, part: float) -> None:
    for place, after, _, hit in every_torn_write(case, part):
        store = single(place, case.layout)
        report = store.verify()
        assert report.ok, (hit, report.findings)
        case.act(store) if case.act is not fork or "branch" not in after else None
        assert single(place, case.layout).verify().ok, hit
        assert single_state(place, case.layout) == everything(store)
        store.collect()
        assert store.verify().ok
        assert store.list() == [id for id in ("branch", "fresh", "s", "t") if store.exists(id)]


@pytest.mark.parametrize("part", [0, 0.5], ids=["none of it", "half of it"])
def test_a_torn_file_of_a_tree_is_named_and_written_anew(part: float) -> None:
    case = Case(commit, layout="tree")
    new = new_state(case)
    for index in range(PAST_ANY_CALL):
        place, _, _, hit = torn(case, index, part) if index < 5 else (TwoSteps.isolated(), {}, True, "")
        if not hit:
            break
        store = single(place, "tree")
        with pytest.raises(IntegrityError) as caught:
            store.load_bundle("s")
        assert caught.value.key == hit
        assert [finding.key for finding in store.verify().findings] == [hit]
        assert store.load_bundle("t") is not None
        session = SessionData.new("s")
        store.commit(session, artifacts=artifacts("a"), trace_events=[], run_records=[])
        found = store.load_bundle("s")
        assert found is not None
        assert store.verify().ok
    assert index >= 4
    assert new


def test_a_torn_commit_is_damage_where_writes_are_whole() -> None:
    place = MemoryBackend.isolated()
    store = objstore.open(place, single_writer=True)
    live(store)
    key = max(f"sessions/s/log/000000/{entry.name}" for entry in place.list("sessions/s/log/000000/"))
    data = place.get(key)
    assert data is not None
    place.put(key, data[: len(data) // 2])
    with pytest.raises(IntegrityError) as caught:
        objstore.open(place, single_writer=True).load("s")
    assert caught.value.key == key
