"""A careless caller: one where a list belongs, a list where a store of artifacts does, a sign too many."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import (
    ArtifactStore,
    DocumentStore,
    InvalidIdError,
    InvalidValueError,
    Message,
    SessionData,
    SessionStore,
    TraceEvent,
    VerificationReport,
)
from objstore.aio_documents import AsyncDocumentStore
from objstore.testing import memory_store
from tests.conftest import options_for
from tests.places import Place
from tests.servers.moto_server import MotoServer

LISTS = {
    "load": lambda store: store.load("s", parts="messages"),
    "view": lambda store: store.view("s", parts="messages"),
    "verify": lambda store: store.verify("s"),
    "collect": lambda store: store.collect("s"),
}


@pytest.mark.parametrize("call", LISTS)
def test_one_text_is_no_list_of_its_letters_in_documents(memory: Place, call: str) -> None:
    with pytest.raises(TypeError, match=r"as a list: \['(s|messages)'\]"):
        LISTS[call](DocumentStore(memory.target))
    with pytest.raises(TypeError, match=r"as a list: \['(s|messages)'\]"):
        asyncio.run(LISTS[call](AsyncDocumentStore(memory.target)))


OF_SESSIONS: dict[str, Callable[[SessionStore, Any], Any]] = {
    "summaries": lambda store, ids: store.summaries(ids),
    "iter_summaries": lambda store, ids: list(store.iter_summaries(ids)),
    "verify": lambda store, ids: store.verify(ids),
    "collect": lambda store, ids: store.collect(ids),
    "du": lambda store, ids: store.du(ids),
    "copy": lambda store, ids: objstore.copy(store, memory_store(), ids=ids),
}


@pytest.mark.parametrize("ids", [5, True, b"s", object()], ids=lambda ids: type(ids).__name__)
@pytest.mark.parametrize("call", OF_SESSIONS)
def test_what_is_no_list_is_no_list_of_ids(store: SessionStore, call: str, ids: Any) -> None:
    with pytest.raises(TypeError, match=f"^ids must be a list, not {type(ids).__name__}$"):
        OF_SESSIONS[call](store, ids)


@pytest.mark.parametrize("parts", [5, b"s"], ids=repr)
def test_nor_of_parts_of_documents(memory: Place, parts: Any) -> None:
    documents = DocumentStore(memory.target)
    for call in (documents.load, documents.view):
        with pytest.raises(TypeError, match=f"^parts must be a list, not {type(parts).__name__}$"):
            call("d", parts=parts)


@pytest.mark.parametrize("wrong", [5, ["s"]], ids=repr)
@pytest.mark.parametrize("call", OF_SESSIONS)
def test_each_of_the_ids_is_a_text(store: SessionStore, call: str, wrong: Any) -> None:
    with pytest.raises(InvalidIdError, match=f"^an id must be a str, not {type(wrong).__name__}$"):
        OF_SESSIONS[call](store, ["s", wrong])


@pytest.mark.parametrize("wrong", [5, ["a"], "", None], ids=repr)
def test_each_of_the_parts_is_a_name(memory: Place, wrong: Any) -> None:
    documents = DocumentStore(memory.target)
    documents.save("d", {"a": 1})
    for call in (documents.load, documents.view):
        with pytest.raises(InvalidValueError, match=r"^the name of a part is a str that is not empty$"):
            call("d", parts=["a", wrong])


def test_nor_in_sessions(store: SessionStore) -> None:
    store.save(SessionData.new("s"))
    with pytest.raises(TypeError, match=r"give the ids as a list: \['support-42'\]"):
        store.iter_summaries("support-42").__next__()
    with pytest.raises(TypeError, match=r"give the ids as a list: \['support-42'\]"):
        objstore.copy(store, memory_store(), ids="support-42")


@pytest.mark.parametrize("argument", ["uri", "tool_name", "media_type"])
@pytest.mark.parametrize("value", [7, b"x", ["x"], {"a": 1}, 1.5, True], ids=repr)
def test_what_an_artifact_is_called_is_a_text(store: SessionStore, argument: str, value: Any) -> None:
    store.save(SessionData.new("s"))
    arguments: dict[str, Any] = {"tool_name": "bash", argument: value}
    with pytest.raises(InvalidValueError, match=f"^{argument} must be a str, not {type(value).__name__}$"):
        store.put_artifact("s", "ok", **arguments)
    assert store.load_artifacts("s") is None


@pytest.mark.parametrize("uri", [None, 7, Message.user("hunter2")], ids=lambda value: type(value).__name__)
def test_an_artifact_is_looked_up_by_a_text(memory: Place, uri: Any) -> None:
    store = memory.open()
    store.put_artifact("s", "ok", tool_name="bash")
    for call in (store.artifact, store.open_artifact):
        with pytest.raises(InvalidValueError, match=f"^uri must be a str, not {type(uri).__name__}$"):
            call("s", uri)


@pytest.mark.parametrize("session", [{"id": "s"}, "s", None, Message.user("x")], ids=lambda value: type(value).__name__)
def test_what_is_saved_is_a_session(memory: Place, session: Any) -> None:
    with pytest.raises(InvalidValueError, match=f"^session must be a SessionData, not {type(session).__name__}$"):
        memory.open().save(session)
    with pytest.raises(InvalidValueError, match=f"^session must be a SessionData, not {type(session).__name__}$"):
        asyncio.run(objstore.open_async(memory.target).save(session))


@pytest.mark.parametrize("artifacts", [[], {}, "x", 7], ids=repr)
def test_artifacts_are_no_list(memory: Place, artifacts: Any) -> None:
    store = memory.open()
    with pytest.raises(
        InvalidValueError, match=f"^artifacts must be an ArtifactStore, not {type(artifacts).__name__}$"
    ):
        store.commit("s", artifacts=artifacts)
    with pytest.raises(
        InvalidValueError, match=f"^artifacts must be an ArtifactStore, not {type(artifacts).__name__}$"
    ):
        store.save_artifacts("s", artifacts)
    store.save_artifacts("s", ArtifactStore())


@pytest.mark.parametrize("kind", ["messages", "artifacts"])
@pytest.mark.parametrize(
    ("items", "found"),
    [(["hi"], "str"), ([{"role": "user"}], "dict"), ((Message,), "ModelMetaclass"), ([None], "NoneType")],
)
def test_what_is_appended_is_told_by_its_type(memory: Place, kind: str, items: Any, found: str) -> None:
    store = memory.open()
    store.save(SessionData.new("s"))
    arguments: dict[str, Any] = {kind: items}
    with pytest.raises(InvalidValueError, match=f"^{found} stands in a list of (Message|ToolArtifact)$"):
        store.append("s", **arguments)


APPENDED = ("messages", "trace_events", "run_records", "artifacts", "verification_reports")


@pytest.mark.parametrize("kind", [*APPENDED, "run_events"])
@pytest.mark.parametrize(
    "one", ["hi", b"hi", {"role": "user"}, Message.user("x"), 7], ids=lambda one: type(one).__name__
)
def test_one_thing_is_no_list_of_them(memory: Place, kind: str, one: Any) -> None:
    store = memory.open()
    revision = store.save(SessionData.new("s"))
    arguments: dict[str, Any] = {kind: {"run": one} if kind == "run_events" else one}
    with pytest.raises(
        InvalidValueError, match=rf"^{kind} must be a list, not {type(one).__name__}; give one as \[it\]$"
    ):
        store.append("s", **arguments)
    documents = DocumentStore(f"{memory.target}-documents")
    documents.save("d", {"items": ["a"]})
    with pytest.raises(InvalidValueError, match=rf"^items must be a list, not {type(one).__name__}"):
        documents.append("d", {"items": one})
    found = documents.load("d")
    assert found is not None
    assert found.parts == {"items": ["a"]}
    assert store.load("s").revision == revision  # type: ignore[union-attr]


SAVED: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "save_trace_events": ("events", lambda store, values: store.save_trace_events("s", values)),
    "save_run_records": ("records", lambda store, values: store.save_run_records("s", values)),
    "save_verification_reports": ("reports", lambda store, values: store.save_verification_reports("s", values)),
    "trace_events": ("trace_events", lambda store, values: store.commit("s", trace_events=values)),
    "run_records": ("run_records", lambda store, values: store.commit("s", run_records=values)),
    "verification_reports": (
        "verification_reports",
        lambda store, values: store.commit("s", verification_reports=values),
    ),
}


@pytest.mark.parametrize("call", SAVED)
@pytest.mark.parametrize("one", ["", {}, VerificationReport.new("make", []), 7], ids=lambda one: type(one).__name__)
def test_nor_is_it_when_a_sibling_is_saved_and_nothing_is_emptied(memory: Place, call: str, one: Any) -> None:
    name, save = SAVED[call]
    store = memory.open()
    event = TraceEvent.tool_execution("bash", success=True, exit_code=0, duration_ms=1, output_bytes=1)
    revision = store.save_trace_events("s", [event])
    told = rf"^{name} must be a list, not {type(one).__name__}; give one as"
    with pytest.raises(InvalidValueError, match=told):
        save(store, one)
    with pytest.raises(InvalidValueError, match=told):
        asyncio.run(save(objstore.open_async(memory.target), one))
    assert store.history("s")[0].seq == revision.seq


def test_events_are_given_by_their_run(memory: Place) -> None:
    store = memory.open()
    wrong: Any = [Message.user("x")]
    with pytest.raises(InvalidValueError, match=r"^run_events must map ids of runs to events, not be a list$"):
        store.append("s", run_events=wrong)
    wrong = {"run": ["x"]}
    with pytest.raises(InvalidValueError, match=r"^str stands in a list of events$"):
        store.append("s", run_events=wrong)


@pytest.mark.parametrize("value", [["a"], "a", 7], ids=repr)
def test_parts_of_a_document_are_given_by_name(memory: Place, value: Any) -> None:
    documents = DocumentStore(memory.target)
    documents.save("d", {"a": 1})
    with pytest.raises(InvalidValueError, match="must be a mapping of names to values, not"):
        documents.save("d", value)
    with pytest.raises(InvalidValueError, match="must be a mapping of names to values, not"):
        documents.append("d", value)
    with pytest.raises(InvalidValueError, match="must be a mapping of names to values, not"):
        documents.update("d", lambda parts: value)
    assert [info.seq for info in documents.history("d")] == [1]


def test_an_age_below_nothing_and_a_time_to_come_prune_nothing(memory: Place) -> None:
    store = memory.open()
    for number in range(40):
        store.save(SessionData.new("s", name=f"{number}"))
    with pytest.raises(ValueError, match="keep_newer_than must not be a negative age"):
        store.prune("s", keep_newer_than=datetime.timedelta(days=-30))
    with pytest.raises(ValueError, match="keep_newer_than must not be a time to come"):
        store.prune("s", keep_newer_than=datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2))
    with pytest.raises(ValueError, match="keep_newer_than reaches back before the calendar begins"):
        store.prune("s", keep_newer_than=datetime.timedelta.max)
    assert len(store.history("s")) == 40


@pytest.mark.parametrize("wall", [1e12, 1e30, -1e12])
def test_a_clock_that_is_off_the_calendar_is_named_and_nothing_is_saved(
    memory: Place, monkeypatch: pytest.MonkeyPatch, wall: float
) -> None:
    session = SessionData.new("s")
    monkeypatch.setattr("time.time", lambda: wall)
    with pytest.raises(InvalidValueError, match=r"^the clock of this machine is off the calendar; set it$"):
        memory.open().save(session)
    assert memory.files() == {}


@pytest.mark.parametrize("layout", ["log", "tree"])
def test_what_is_not_there_is_not_taken_for_verified(memory: Place, layout: Any) -> None:
    store = objstore.open(memory.target, layout=layout)
    store.save(SessionData.new("s"))
    report = store.verify(["nobody", "s", "none"])
    assert (report.sessions, report.missing) == (1, ("nobody", "none"))
    assert store.verify().missing == ()


def test_a_state_that_there_is_not_is_no_empty_listing(store: SessionStore) -> None:
    store.save(SessionData.new("s"))
    assert [found.id for found in store.iter_summaries(state="Active")] == ["s"]
    with pytest.raises(ValueError, match="no session is in the state 'active'; the states are Unknown, Active"):
        next(store.iter_summaries(state="active"))


def test_an_observer_that_fails_stops_nothing_and_is_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    def observe(event: objstore.Event) -> None:
        raise RuntimeError("the metrics are full")

    store = objstore.open(place.target, storage_options=place.options, observer=observe)
    with caplog.at_level(logging.WARNING, "objstore"):
        revision = store.save(SessionData.new("s"))
    assert place.open().load("s").revision == revision  # type: ignore[union-attr]
    assert {record.getMessage() for record in caplog.records} == {
        "the observer failed with RuntimeError; the call goes on"
    }


@pytest.mark.parametrize("client", ["fsspec", "obstore"])
def test_an_observer_that_calls_the_store_on_the_loop_of_its_requests_is_logged_and_hangs_nobody(
    s3_server: MotoServer, bucket: str, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def observe(event: objstore.Event) -> None:
        if len(asked) < 3:
            asked.append(type(event).__name__)
            store.load("s")

    options = options_for(s3_server.url)
    store = objstore.open(f"s3://{bucket}/agents", storage_options=options, client=client, observer=observe)
    with caplog.at_level(logging.WARNING, "objstore"):
        revision = store.save(SessionData.new("s"))
    assert len(asked) == 3
    assert "the observer failed with UnsupportedError; the call goes on" in {r.getMessage() for r in caplog.records}
    assert store.load("s").revision == revision  # type: ignore[union-attr]
