"""The two faces of a store have the same calls, and what is public is what is said to be."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import AsyncDocumentStore, AsyncSessionStore, DocumentStore, SessionStore
from objstore.testing import async_memory_store, memory_store


def calls(face: type) -> dict[str, Any]:
    return {name: call for name, call in vars(face).items() if not name.startswith("_") and callable(call)}


@pytest.mark.parametrize(
    ("waiting", "awaiting"), [(SessionStore, AsyncSessionStore), (DocumentStore, AsyncDocumentStore)]
)
def test_both_faces_have_the_same_calls_with_the_same_parameters_and_documentation(
    waiting: type, awaiting: type
) -> None:
    assert calls(waiting).keys() == calls(awaiting).keys()
    for name, call in calls(waiting).items():
        twin = calls(awaiting)[name]
        assert [*inspect.signature(call).parameters] == [*inspect.signature(twin).parameters], name
        for parameter, other in zip(
            inspect.signature(call).parameters.values(), inspect.signature(twin).parameters.values(), strict=True
        ):
            assert (parameter.default, parameter.kind) == (other.default, other.kind), name
        assert call.__doc__, name
        assert twin.__doc__, name


def test_opening_takes_the_same_arguments_on_both_faces() -> None:
    waiting, awaiting = inspect.signature(objstore.open), inspect.signature(objstore.open_async)
    assert [*waiting.parameters.values()] == [*awaiting.parameters.values()]


def test_stores_keep_the_trait_of_the_seed() -> None:
    assert isinstance(memory_store(), objstore.SessionStoreProtocol)
    assert isinstance(async_memory_store(), objstore.AsyncSessionStoreProtocol)


def test_what_is_public_is_listed_and_documented() -> None:
    assert len(set(objstore.__all__)) == len(objstore.__all__)
    for name in objstore.__all__:
        value = getattr(objstore, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name


def test_memory_stores_for_tests_share_nothing() -> None:
    one, other = memory_store(), memory_store()
    one.save(objstore.SessionData.new("s"))
    assert one.list() == ["s"]
    assert other.list() == []


@pytest.mark.parametrize("call", ["verify", "summaries", "collect", "du"])
def test_one_id_where_several_are_asked_for_is_refused(call: str) -> None:
    with pytest.raises(TypeError, match=r"\['support-42'\]"):
        getattr(memory_store(), call)("support-42")


def test_an_id_that_changes_while_the_save_is_under_way_does_not_put_it_under_another_name(tmp_path: Path) -> None:
    session = objstore.SessionData.new("s")

    def rename(_: objstore.Event) -> None:
        session.id = "other"

    with objstore.open(tmp_path, observer=rename) as store:
        store.save(session)
        assert store.list() == ["s"]
