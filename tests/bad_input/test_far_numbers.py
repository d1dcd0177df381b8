"""Commits under numbers that nobody came to, and a marker with such a K: no call goes there step by step."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import objstore
from objstore import Message, ObjstoreError, SessionData, SessionStore, UnsupportedError
from objstore._format import naming
from objstore.backends import MemoryBackend
from objstore.testing.faults import FaultyBackend, Request

from .damage import TURNS, fill
from .test_sealed_nonsense import sealed, text

FAR = 5_000_000
LAST = naming.MAX_SEQ
K = b'{"format":1,"layout":"log","K":1000000000000,"created":"2026-11-22T12:32:19Z","requires":[]}'

CALLS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("s"),
    "load an older state": lambda store: store.load("s", at=2),
    "history": lambda store: store.history("s"),
    "summaries": lambda store: [*store.iter_summaries(sizes=True)],
    "verify": lambda store: store.verify(),
    "du": lambda store: store.du(),
    "copy": lambda store: objstore.copy(store, objstore.open(MemoryBackend.isolated())),
    "fork": lambda store: store.fork("s", "forked"),
    "prune": lambda store: store.prune("s", keep_last=1),
    "append": lambda store: store.append("s", messages=[Message.user("more")]),
    "collect": lambda store: store.collect(),
    "repair": lambda store: store.repair("s", dry_run=False),
    "delete": lambda store: store.delete("s"),
}


def commit(inner: MemoryBackend, n: int, **members: Any) -> bytes:
    """Forge commit ``n`` after the newest one of a session."""
    data = inner.get(naming.log_key("s", TURNS))
    assert data
    return sealed({**json.loads(text(data)), "seq": n, "parent": "1" * 64, **members})


FORGED: dict[str, Callable[[MemoryBackend, int], bytes]] = {
    "garbage": lambda _, __: b"garbage",
    "a stub": lambda _, __: b"",
    "a patch": lambda inner, n: commit(inner, n),
    "a state": lambda inner, n: commit(inner, n, kind="snapshot", body={"session": None}),
    "a tombstone": lambda inner, n: commit(inner, n, kind="delete", body=None, floor=n, epoch=n, born=0),
}


def watched() -> tuple[MemoryBackend, FaultyBackend]:
    inner = MemoryBackend.isolated()
    for id in ("s", "other"):
        fill(objstore.open(inner), id)

    def choose(_: Request) -> None:
        assert len(place.requests) < 20_000, "it goes there step by step"

    place = FaultyBackend(inner, choose)
    return inner, place


@pytest.mark.parametrize("marker", [None, K], ids=["", "K"])
@pytest.mark.parametrize("n", [FAR, LAST])
@pytest.mark.parametrize("what", FORGED)
def test_every_call_ends_with_an_answer_or_an_error_of_ours(what: str, n: int, marker: bytes | None) -> None:
    inner, place = watched()
    inner.put(naming.log_key("s", n), FORGED[what](inner, n))
    if marker:
        inner.put(naming.MARKER, marker)
    before = objstore.open(inner).load_bundle("other")
    for call in CALLS.values():
        place.requests.clear()
        with suppress(ObjstoreError):
            call(objstore.open(place))
    assert objstore.open(inner).load_bundle("other") == before


def test_a_verification_names_a_wide_gap_once() -> None:
    inner, place = watched()
    inner.put(naming.log_key("s", FAR), commit(inner, FAR))
    findings = objstore.open(place).verify(["s"]).findings
    assert f"commits {TURNS + 1} to {FAR - 128} are retained and not there" in [finding.detail for finding in findings]
    assert len(findings) < 140


def test_a_repair_passes_over_a_wide_gap() -> None:
    inner, place = watched()
    inner.put(naming.log_key("s", FAR), commit(inner, FAR))
    inner.delete([naming.log_key("s", TURNS)])
    store = objstore.open(place)
    report = store.repair("s", dry_run=False)
    assert (report.resumed, report.seq) == (TURNS - 1, FAR + 1)
    assert {lost.seq for lost in report.lost} >= {TURNS, FAR}
    assert len(report.lost) < 140
    session = store.load("s")
    assert session is not None
    assert len(session.messages) == TURNS - 1


def test_nothing_goes_on_top_of_the_last_number() -> None:
    inner, place = watched()
    body = {"session": SessionData.new("s").model_dump(mode="json")}
    inner.put(naming.log_key("s", LAST), commit(inner, LAST, kind="snapshot", body=body, objects={}))
    store = objstore.open(place)
    for _ in range(2):  # also by what is remembered
        assert store.load("s") is not None
    before = inner.list("sessions/s/log/")
    writes: list[Callable[[], object]] = [
        lambda: store.append("s", messages=[Message.user("more")]),
        lambda: store.save(SessionData.new("s", name="new")),
        lambda: store.delete("s"),
    ]
    for write in writes:
        with pytest.raises(UnsupportedError, match="the log of 's' is full"):
            write()
    assert inner.list("sessions/s/log/") == before
    assert store.fork("s", "forked").seq == 1
