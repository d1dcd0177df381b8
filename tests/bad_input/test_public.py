"""What is public, and that every error of it survives a pickle."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

import objstore
from objstore import errors

ERRORS = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and not name.startswith("_")}


def made(kind: type[Exception]) -> Exception:
    if kind is errors.ConflictError:
        return kind("what to do", "the-id", 3, 5)
    if issubclass(kind, errors.IntegrityError | errors.FormatError):
        return kind("what to do", "sessions/s/log/000000/0000000001")
    return kind("what to do")


@pytest.mark.parametrize("kind", ERRORS.values(), ids=ERRORS.keys())
def test_every_error_survives_pickles_and_copies_with_what_it_carries(kind: type[Exception]) -> None:
    error = made(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error) == "what to do"
        assert (again.args, vars(again)) == (error.args, vars(error))
    assert issubclass(kind, objstore.ObjstoreError)
    assert getattr(objstore, kind.__name__) is kind


def test_a_conflict_says_who_and_from_where_to_where() -> None:
    error = pickle.loads(pickle.dumps(objstore.ConflictError("m", "the-id", 3)))
    assert (error.id, error.expected, error.actual) == ("the-id", 3, None)
    assert pickle.loads(pickle.dumps(objstore.IntegrityError("m", "k"))).key == "k"


def test_an_error_is_what_the_language_would_raise() -> None:
    assert issubclass(objstore.InvalidIdError, ValueError)
    assert issubclass(objstore.InvalidValueError, ValueError)
    assert issubclass(objstore.NotFoundError, KeyError)
    assert str(objstore.NotFoundError("plain words")) == "plain words"


def public() -> dict[str, Any]:
    return {name: value for name, value in vars(objstore).items() if not name.startswith("_")}


def test_what_can_be_reached_without_an_underscore_is_what_is_said_to_be_public() -> None:
    named = set(objstore.__all__)
    assert len(objstore.__all__) == len(named)
    reached = {name for name, value in public().items() if not inspect.ismodule(value)}
    assert reached == {name for name in named if not inspect.ismodule(getattr(objstore, name))}


def test_the_calls_of_both_faces_are_the_same() -> None:
    def calls(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert calls(objstore.SessionStore) == calls(objstore.AsyncSessionStore)
    for name in calls(objstore.SessionStore):
        waiting = inspect.signature(getattr(objstore.SessionStore, name)).parameters
        awaited = inspect.signature(getattr(objstore.AsyncSessionStore, name)).parameters
        assert list(waiting) == list(awaited), name
        assert [p.kind for p in waiting.values()] == [p.kind for p in awaited.values()], name
        assert [p.default for p in waiting.values()] == [p.default for p in awaited.values()], name


def test_no_public_callable_takes_whatever_it_is_given() -> None:
    for kind in (objstore.SessionStore, objstore.AsyncSessionStore, objstore.DocumentStore):
        for name, call in vars(kind).items():
            if callable(call) and not name.startswith("__"):
                kinds = {parameter.kind for parameter in inspect.signature(call).parameters.values()}
                assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}, name


THE_BASE = {
    "AsyncDocumentStore", "AsyncSessionStore", "BackendError", "CommitInfo", "ConflictError", "Document",
    "DocumentStore", "DocumentSummary", "Event", "FormatError", "IntegrityError", "InvalidIdError",
    "InvalidValueError", "Message", "NotFoundError", "ObjstoreError", "OperationEvent", "OutcomeUnknownError",
    "PermissionDeniedError", "Revision", "SaveEvent", "SessionBundle", "SessionData", "SessionStore", "SessionSummary",
    "UnavailableError", "UnsupportedBackendError", "UnsupportedError", "VerifyReport", "copy", "open", "open_async",
}  # fmt: skip


def test_what_programs_are_written_with_is_there() -> None:
    assert set(objstore.__all__) >= THE_BASE
