"""The document `d`, to whose log updates add, and what is there of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from objstore import DocumentStore

BIG = "x" * 300_000


def adding(item: object) -> Callable[[Mapping[str, Any]], Mapping[str, object]]:
    return lambda parts: {"log": [*parts.get("log", ()), item], "count": parts.get("count", 0) + 1}


def parts_of(store: DocumentStore, id: str = "d", at: int | None = None) -> dict[str, Any]:
    document = store.load(id, at=at)
    assert document is not None
    return document.parts
