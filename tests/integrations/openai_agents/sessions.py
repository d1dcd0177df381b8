"""Sessions to hold against each other: the SDK's own, and ours at each place; and items for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agents import SQLiteSession

from objstore import AsyncDocumentStore
from objstore.integrations.openai_agents import ObjstoreSession
from tests.places import Place, make_place

Open = Callable[..., Any]

BIG = "x" * 300_000


def opener(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Give a function that opens a session at one place, as another program would unless it is to be the ``same``."""
    if kind == "sqlite":

        def open_theirs(name: str = "session", *, same: bool = False, **options: Any) -> SQLiteSession:
            theirs = SQLiteSession(name, tmp_path / "sessions.db", **options)
            request.addfinalizer(theirs.close)
            return theirs

        return open_theirs
    place = make_place(kind, request)
    one = documents(place)

    def open_any(name: str = "session", *, same: bool = False, **options: Any) -> ObjstoreSession:
        return ObjstoreSession(name, one if same else documents(place), **options)

    return open_any


def documents(place: Place) -> AsyncDocumentStore:
    return AsyncDocumentStore(place.target, storage_options=place.options)


def user(content: object) -> Any:
    return {"role": "user", "content": content}


def contents(items: Any) -> list[Any]:
    return [item["content"] for item in items]
