"""What is secret stays out of stored bytes, logs, reprs, pickles and errors."""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import objstore
from objstore import LlmConfigData, Message, ObjstoreError, SessionData, SessionStore
from tests.conftest import options_for
from tests.places import Place
from tests.servers.scripted import Drop, ScriptedServer, s3_error

API_KEY = "sk-the-users-api-key-0123456789"
SECRET = "a-very-secret-access-key"
TOKEN = "a-very-secret-session-token"
PASSWORD = "hunter2-hunter2"
CONTENTS = "what the user told the agent in confidence"


def session() -> SessionData:
    made = SessionData.new("s")
    made.llm_config = LlmConfigData(provider="p", model="m", api_key=API_KEY)
    made.messages.append(Message.user(CONTENTS))
    return made


def test_an_api_key_is_in_no_stored_byte_repr_or_pickle(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = place.open()
    given = session()
    store.save(given)
    given.messages.append(Message.user("more"))
    store.commit(given, trace_events=[])
    loaded = store.update("s", lambda s: s.messages.append(Message.user("again")))
    assert loaded.llm_config is not None
    assert loaded.llm_config.api_key is None
    for key, data in place.files().items():
        assert API_KEY.encode() not in data, key
    assert store.verify().ok
    for value in (given, given.revision, store, store.history("s"), store.load_bundle("s"), store.summaries(["s"])):
        assert API_KEY not in repr(value)
    for value in (given, given.revision, loaded, store.history("s")):
        assert API_KEY.encode() not in pickle.dumps(value)
    assert API_KEY not in caplog.text
    assert given.llm_config is not None
    assert given.llm_config.api_key == API_KEY  # the caller keeps it


def test_logs_of_the_library_carry_no_contents(store: SessionStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="objstore")
    store.save(session())
    store.load("s")
    with pytest.raises(objstore.NotFoundError):
        store.load("s", at=9)
    logged = [record.getMessage() for record in caplog.records if record.name == "objstore"]
    assert any("OperationEvent(operation='create'" in line and "/log/000000/0000000001'" in line for line in logged)
    assert any("SaveEvent(id='s', seq=1, " in line for line in logged)
    assert all(repr(store).partition("(")[2][:-1] in line for line in logged)
    assert not [line for line in logged if CONTENTS in line]


def test_nothing_is_logged_above_debug(store: SessionStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="objstore")
    store.save(session())
    store.load("s")
    assert not caplog.records


@pytest.fixture
def refused(scripted: ScriptedServer) -> Iterator[tuple[SessionStore, ScriptedServer]]:
    options = {**options_for(scripted.url.replace("//", f"//user:{PASSWORD}@")), "secret": SECRET, "token": TOKEN}
    store = objstore.open("s3://bucket/store", storage_options=options, retries=0)
    yield store, scripted
    store.close()


ANSWERS = [
    s3_error(403, "SignatureDoesNotMatch", f"<StringToSign>{SECRET}</StringToSign>"),
    s3_error(403, "InvalidAccessKeyId", f"<AWSAccessKeyId>{TOKEN}</AWSAccessKeyId>"),
    s3_error(400, SECRET),
    s3_error(404, "NoSuchBucket"),
    s3_error(500, "InternalError", SECRET),
    Drop(),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_no_secret_is_in_an_error_its_causes_its_pickle_or_a_log(
    refused: tuple[SessionStore, ScriptedServer], answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store, server = refused
    server.play(answer)
    for call in (lambda: store.load("s"), lambda: store.save(session()), lambda: store.list()):
        with pytest.raises(ObjstoreError) as caught:
            call()
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        for secret in (SECRET, TOKEN, PASSWORD, API_KEY, CONTENTS):
            assert secret not in shown
            assert secret.encode() not in pickle.dumps(caught.value)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("objstore"))
    for secret in (SECRET, PASSWORD, API_KEY):
        assert secret not in ours
        assert secret not in repr(store)


SECRET_TARGETS: list[tuple[str, dict[str, Any]]] = [
    (f"sftp://user:{PASSWORD}@127.0.0.1/path", {}),
    (f"ftp://user:{PASSWORD}@127.0.0.1/path", {}),
    (f"ftp://user:p@{PASSWORD}@127.0.0.1/path", {}),
    ("s3://bucket/path", {"key": "k", "secret": PASSWORD}),
    ("s3://bucket/path", {"client_kwargs": {"aws_secret_access_key": PASSWORD}}),
    ("s3://bucket/path", {"endpoint_url": f"https://user:{PASSWORD}@127.0.0.1:1"}),
]


@pytest.mark.parametrize(("target", "options"), SECRET_TARGETS, ids=lambda given: re.sub(r"hunter2", "x", str(given)))
def test_a_password_is_not_in_the_repr_of_a_store(target: str, options: dict[str, Any]) -> None:
    try:
        stores: list[SessionStore | objstore.AsyncSessionStore | objstore.DocumentStore] = [
            objstore.open(target, storage_options=options or None),
            objstore.open_async(target, storage_options=options or None),
            objstore.DocumentStore(target, storage_options=options or None),
        ]
    except ObjstoreError as error:  # a package is not installed: that must not say it either
        shown = "".join(traceback.format_exception(error))
    else:
        shown = "".join(repr(store) + str(store) + repr(vars(store)) + repr(store._opened.driver) for store in stores)
    assert PASSWORD not in shown


def test_an_unknown_target_does_not_repeat_its_password() -> None:
    for target in (f"nosuch://user:{PASSWORD}@host/x", f"simplecache::s3://user:{PASSWORD}@host/x"):
        with pytest.raises(ObjstoreError) as caught:
            objstore.open(target)
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_what_is_wrong_with_a_value_is_said_without_the_value(store: SessionStore) -> None:
    made = session()
    made.tool_names.append(f"{CONTENTS}\ud800")
    with pytest.raises(objstore.InvalidValueError) as caught:
        store.save(made)
    assert CONTENTS not in "".join(traceback.format_exception(caught.value))
    made = session()
    made.messages.append({"role": CONTENTS})  # type: ignore[arg-type]
    with pytest.raises(objstore.InvalidValueError) as caught:
        store.save(made)
    assert CONTENTS not in "".join(traceback.format_exception(caught.value))
