"""Going over many sessions: what it costs on the wire, and that memory does not grow with their number."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import Message, SessionData, SessionStore
from objstore._format import naming
from objstore._log.ops import Create, Protocol
from tests.servers.moto_server import MotoServer

SOME = 1_000
MANY = 100_000
BOUND = 12 * 2**20  # twice what was measured; 100,000 ids alone are as much
LONG = "long/" + "x" * 300


def ids(count: int) -> Iterator[str]:
    return (f"agent-{n % 7}/session-{n:06d}" for n in range(count))


def hint(id: str) -> str:
    return naming.index_hint(naming.session_key(id), 1)


def stock_directory(directory: Path, count: int) -> SessionStore:
    """Make a store on local disk, with the hints of sessions and nothing else of them."""
    store = objstore.open(directory)
    store.save(SessionData.new("first"))
    for id in ids(count - 1):
        (directory / hint(id)).touch()
    return store


def stock_bucket(url: str, options: dict[str, Any], count: int) -> SessionStore:
    """The same on S3."""
    store = objstore.open(url, storage_options=options)
    store.save(SessionData.new("first"))

    def create(some: list[str]) -> Protocol[None]:
        yield tuple(Create(hint(id), b"") for id in some)

    everything = list(ids(count - 1))
    for start in range(0, len(everything), 500):
        store._opened.driver.run(create(everything[start : start + 500]))
    return store


def peak(work: Iterable[object]) -> tuple[int, int]:
    """Go over something; give how much there was, and the most bytes that were held at once meanwhile."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in work)
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def lists(server: MotoServer) -> int:
    """Count the requests since the last reset, which must all be listings."""
    assert all("list-type=2" in seen.query for seen in server.requests)
    return len(server.requests)


def test_a_thousand_sessions_are_one_request(bucket: str, s3_options: dict[str, Any], s3_server: MotoServer) -> None:
    store = stock_bucket(f"s3://{bucket}/agents", s3_options, SOME)
    s3_server.reset()
    found = list(store.iter_ids())
    assert lists(s3_server) == 1
    assert sorted(found) == store.list() == sorted({"first", *ids(SOME - 1)})
    s3_server.reset()
    assert len(list(store.iter_ids("agent-3/"))) == len(range(3, SOME - 1, 7))
    assert list(store.iter_ids("nobody")) == []
    assert lists(s3_server) == 2
    store.save(SessionData.new(LONG))  # a thousand and one, and the last one's hint has to be read
    s3_server.reset()
    assert LONG in list(store.iter_ids())
    counted = ["list-type=2" in seen.query for seen in s3_server.requests]
    assert (counted.count(True), counted.count(False)) == (2, 1)


def test_any_id_can_be_gone_on_from(tmp_path: Path) -> None:
    store = stock_directory(tmp_path / "store", SOME)
    found = list(store.iter_ids())
    for place in (0, 1, 500, SOME - 2, SOME - 1):
        assert list(store.iter_ids(after=found[place])) == found[place + 1 :]
    assert list(store.iter_ids("agent-1/", after=found[300])) == [id for id in found[301:] if id.startswith("agent-1/")]


def test_summaries_are_one_head_and_one_get_each(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer
) -> None:
    store = objstore.open(f"s3://{bucket}/agents", storage_options=s3_options)
    for n in range(70):
        session = SessionData.new(f"s-{n:02d}", name=f"Session {n}")
        session.messages.append(Message.user("hello"))
        store.save(session)
    s3_server.reset()
    assert [s.name for s in store.iter_summaries()] == [f"Session {n}" for n in range(70)]
    listed = ["list-type=2" in seen.query for seen in s3_server.requests]
    assert (listed.count(True), listed.count(False)) == (1 + 2 * 70, 70)  # a head is two lists side by side
    s3_server.reset()
    assert len(list(store.iter_summaries(iter(["s-01", "nobody", "s-69"]), sizes=True))) == 2
    listed = ["list-type=2" in seen.query for seen in s3_server.requests]
    assert (listed.count(True), listed.count(False)) == (2 * 3 + 3 * 2, 2)


def test_memory_is_bounded_on_local_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objstore.backends.local.PAGE", 500)
    store = stock_directory(tmp_path / "store", 4_000)
    few = peak(store.iter_ids("agent-3/"))  # 571 in two pages
    all_ = peak(store.iter_ids())
    assert (few[0], all_[0]) == (len(range(3, 3_999, 7)), 4_000)
    assert all_[1] < 1.5 * few[1]
    assert peak(store.list())[0] == 4_000


@pytest.mark.deep
def test_a_hundred_thousand_sessions_on_local_disk(tmp_path: Path) -> None:
    store = stock_directory(tmp_path / "store", MANY)
    count, held = peak(store.iter_ids())
    print(f"{count} ids on local disk: at most {held / 2**20:.1f} MiB at once")
    assert count == MANY
    assert held < BOUND
    count, held = peak(store.iter_summaries(prefix="agent-3/"))  # hints of nobody: each is looked for, none is there
    assert count == 0
    assert held < BOUND


@pytest.mark.deep
def test_a_hundred_thousand_sessions_on_s3(bucket: str, s3_options: dict[str, Any], s3_server: MotoServer) -> None:
    store = stock_bucket(f"s3://{bucket}/agents", s3_options, MANY)
    s3_server.reset()
    count, held = peak(store.iter_ids())
    print(f"{count} ids on S3: at most {held / 2**20:.1f} MiB at once, {len(s3_server.requests)} requests")
    assert count == MANY
    assert held < BOUND
    assert lists(s3_server) == MANY // 1_000


def test_a_hint_of_the_same_session_twice_is_one_id_whatever_page_it_is_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stock_directory(tmp_path / "store", 10)
    for id in ids(9):
        (tmp_path / "store" / naming.index_hint(naming.session_key(id), 7)).touch()
    for size in (1, 2, 3, 100):
        monkeypatch.setattr("objstore.backends.local.PAGE", size)
        found = list(store.iter_ids())
        assert len(found) == 10
        assert set(found) == {"first", *ids(9)}
