"""One object that the storage does not give out is one session's trouble; that it gives out none is everybody's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

import objstore
import objstore.testing
from objstore import BackendError, PermissionDeniedError, SessionStore, UnavailableError
from objstore._log.apart import told_apart
from objstore._log.ops import Get, Protocol
from objstore.backends import MemoryBackend
from objstore.testing.faults import FailBefore, FaultyBackend, Request
from tests.bad_input.damage import TURNS, fill, log_key, turns

LONG = "long " * 100
NOBODY = 65534
DENIED = PermissionDeniedError("cannot read it: the storage refuses it")


def filled(place: MemoryBackend) -> MemoryBackend:
    for id in ("other", "s", LONG):
        fill(objstore.open(place), id)
    return place


def faulty(place: MemoryBackend, error: Exception, *parts_of_keys: str) -> SessionStore:
    def choose(request: Request) -> FailBefore | None:
        wanted = request.operation in ("get", "read", "list") and any(
            part in key for part in parts_of_keys for key in request.keys
        )
        return FailBefore(error) if wanted else None

    return objstore.open(FaultyBackend(place, choose))


def object_of(place: MemoryBackend, id: str) -> str:
    (name,) = (entry.name for entry in place.list(f"sessions/{id}/objects/0/"))
    return f"sessions/{id}/objects/0/{name}"


@pytest.mark.parametrize("error", [DENIED, BackendError("cannot read it: the disk reports an input/output error")])
@pytest.mark.parametrize("what", ["newest", "older", "object", "log"])
def test_verify_names_it_and_goes_on(error: Exception, what: str) -> None:
    place = filled(MemoryBackend.isolated())
    key = {
        "newest": log_key("s", TURNS),
        "older": log_key("s", 2),
        "object": object_of(place, "s"),
        "log": "sessions/s/log/",
    }[what]
    store = faulty(place, error, key)
    report = store.verify()
    assert [(found.id, found.key, found.problem) for found in report.findings] == [("s", key, "unreadable")]
    assert "cannot read it" in report.findings[0].detail
    assert report.sessions == 3 - (what == "log")
    listed = {found.id: found.problem for found in store.iter_summaries(sizes=True)}
    assert listed.keys() == {"other", "s", LONG}
    assert (listed["other"], listed[LONG]) == (None, None)
    assert (listed["s"] is None) == (what in ("older", "object"))
    assert set(store.du().skipped) <= {"s"}
    assert set(store.collect().skipped) <= {"s"}
    assert store.list() == sorted(["other", "s", LONG])
    if what in ("newest", "log"):
        with pytest.raises(type(error)):  # a session by itself says what the storage said
            store.load("s")
        with pytest.raises(type(error)):
            store.repair("s", dry_run=False)  # what may be whole is not passed over
    assert objstore.open(place).verify().ok


@pytest.mark.parametrize("error", [DENIED, BackendError("cannot read it: the disk reports an input/output error")])
@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("what", ["newest", "object", "log"])
def test_a_copy_names_it_and_brings_the_others(error: Exception, what: str, history: bool) -> None:
    place = filled(MemoryBackend.isolated())
    key = {"newest": log_key("s", TURNS), "object": object_of(place, "s"), "log": "sessions/s/log/"}[what]
    target = objstore.testing.memory_store()
    report = objstore.copy(faulty(place, error, key), target, history=history)
    assert set(report.copied) == {"other", LONG}
    assert "cannot read it" in report.failed["s"]
    assert list(report.failed) == ["s"]
    assert target.list() == sorted(["other", LONG])


def test_a_copy_ends_where_the_target_refuses() -> None:
    source = filled(MemoryBackend.isolated())
    with pytest.raises(PermissionDeniedError):
        objstore.copy(objstore.open(source), faulty(MemoryBackend.isolated(), DENIED, "sessions/other/"))
    begun: list[str] = []

    def choose(request: Request) -> FailBefore | None:
        begun.extend(request.keys)
        return FailBefore(DENIED) if len(begun) > 12 else None  # the credentials have run out meanwhile

    with pytest.raises(PermissionDeniedError):
        objstore.copy(objstore.open(FaultyBackend(source, choose)), objstore.testing.memory_store())


def test_of_a_long_id_too() -> None:
    place = filled(MemoryBackend.isolated())
    store = faulty(place, DENIED, "index/long")
    assert store.list() == sorted(["other", "s", LONG])
    store = faulty(place, DENIED, f"=-b55d24f84cc0c5c199c00c90e238e1da/log/000000/{TURNS:010d}")
    assert [(found.id, found.problem) for found in store.verify().findings] == [(None, "unreadable")]
    assert {usage.id for usage in store.du().sessions} == {"other", "s"}


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (DENIED, ("sessions/s/log", "objstore.json")),  # the credentials have run out meanwhile
        (DENIED, ("sessions/",)),
        (UnavailableError("no answer"), ("sessions/s/log/000000/",)),
    ],
)
@pytest.mark.parametrize("call", [SessionStore.verify, SessionStore.du, SessionStore.collect])
def test_what_is_everybodys_ends_the_call(
    error: Exception, parts: tuple[str, ...], call: Callable[[SessionStore], object]
) -> None:
    place = filled(MemoryBackend.isolated())
    begun: list[str] = []

    def choose(request: Request) -> FailBefore | None:
        begun.extend(request.keys)
        wanted = any(part in key for part in parts for key in request.keys) and len(begun) > 1
        return FailBefore(error) if wanted else None

    with pytest.raises(type(error)):
        call(objstore.open(FaultyBackend(place, choose)))


@contextmanager
def as_nobody(place: Path) -> Iterator[None]:
    """Be somebody who may not read everything: root may."""
    if os.geteuid():
        yield
        return
    for path in (place, *place.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("layout", ["log", "tree"])
def test_on_a_local_disk(layout: Literal["log", "tree"], outside: Path) -> None:
    place = outside / "store"
    for id in ("other", "s"):
        fill(objstore.open(place, layout=layout), id)
    file = place / (log_key("s", TURNS) if layout == "log" else "s.json")
    file.chmod(0)
    with as_nobody(place):
        store = objstore.open(place, layout=layout)
        findings = store.verify().findings
        assert [(found.id, found.key) for found in findings] == [("s", str(file.relative_to(place)))]
        assert findings[0].problem == "unreadable"
        assert "Mend the owner or the mode" in findings[0].detail
        assert store.list() == ["other", "s"]
        assert {found.id: found.problem is None for found in store.iter_summaries()} == {"other": True, "s": False}
        assert turns(store.load("other")) == TURNS
        with pytest.raises(PermissionDeniedError):
            store.load("s")


def test_a_storage_that_does_not_answer_when_it_is_asked_for_one_after_the_other_is_everybodys() -> None:
    def both() -> Protocol[object]:
        return (yield (Get("sessions/a/log/000000/0000000001"), Get("sessions/b/log/000000/0000000001")))

    asking = told_apart(both())
    next(asking)
    assert asking.throw(PermissionDeniedError("one of them")) == Get("sessions/a/log/000000/0000000001")
    with pytest.raises(UnavailableError):
        asking.throw(UnavailableError("no answer"))
