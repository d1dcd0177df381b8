"""Options of a place and arguments of calls: what cannot be meant is refused by name, before anything is done."""

from __future__ import annotations

import asyncio
import datetime
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import AsyncDocumentStore, DocumentStore, InvalidValueError, Message, SessionData
from objstore.backends import open_backend
from objstore.testing import memory_store
from tests.places import Place

OPENING: dict[str, Callable[..., Any]] = {
    "open": objstore.open,
    "open_async": objstore.open_async,
    "documents": DocumentStore,
    "documents_async": AsyncDocumentStore,
}

NO_WHOLE = [1.5, 1.0, "1", None, True, [1], float("nan"), float("inf"), -1]

WRONG: dict[str, list[Any]] = {
    "retries": NO_WHOLE,
    "concurrency": [*NO_WHOLE, 0],
    "cache_bytes": NO_WHOLE,
    "timeout": ["x", None, True, [1], float("nan"), float("inf"), 1e300, 10**400, -1, -0.5, 0],
    "single_writer": ["no", 1, None],
    "durability": ["fast", "", None, True, 1],
    "observer": [1, "log", []],
    "path": [5, b"agents", Path("agents")],
    "storage_options": ["key=value", 1, [("key", "value")]],
}


def finish(found: Any) -> Any:
    """Give what a call of either face does."""
    return asyncio.run(found) if inspect.iscoroutine(found) else found


@pytest.mark.parametrize("opening", OPENING)
@pytest.mark.parametrize(("option", "value"), [(option, value) for option, values in WRONG.items() for value in values])
def test_an_option_that_cannot_be_meant_is_refused_before_anything_is_opened(
    opening: str, option: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=f"^{option} must be "):
        OPENING[opening]("s3://bucket/agents", **{option: value})


@pytest.mark.parametrize("option", ["timeout", "retries", "concurrency"])
def test_a_backend_by_itself_refuses_the_same_numbers(option: str) -> None:
    for value in WRONG[option]:
        with pytest.raises(ValueError, match=f"^{option} must be "):
            open_backend("s3://bucket/agents", **{option: value})


def test_the_least_and_the_odd_that_can_be_meant_are_taken() -> None:
    store = objstore.open("memory://least", timeout=1, retries=0, concurrency=1, cache_bytes=0, observer=print)
    assert store.backend_name() == "memory"
    objstore.open("memory://least", timeout=0.001, storage_options=None, single_writer=True, durability="none")


def test_nothing_of_a_value_is_repeated_but_a_number() -> None:
    secret: Any = {"secret": "hunter2-hunter2"}
    for option in ("timeout", "retries", "cache_bytes", "single_writer", "durability", "observer"):
        with pytest.raises(ValueError, match=f"^{option} must be .*dict") as caught:
            OPENING["open"]("memory://least", **{option: secret})
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^retries must be .* not 1\.5$"):
        OPENING["open"]("memory://least", retries=1.5)


class Nowhere(datetime.tzinfo):
    """A zone that does not say how far from UTC it is."""

    def utcoffset(self, time: datetime.datetime | None) -> None: ...
    def dst(self, time: datetime.datetime | None) -> None: ...
    def tzname(self, time: datetime.datetime | None) -> None: ...


KEEPING: list[tuple[str, Any]] = [
    *(("keep_last", value) for value in [*NO_WHOLE, 0] if value is not None),
    *(("keep_snapshots", value) for value in [*NO_WHOLE, 0] if value is not None),
    *(("keep_newer_than", value) for value in [30, 1.5, "30d", True, [], datetime.date(2026, 1, 1)]),
    ("keep_newer_than", datetime.datetime(2026, 1, 1)),
    ("keep_newer_than", datetime.datetime(2026, 1, 1, tzinfo=Nowhere())),
]


@pytest.mark.parametrize(("argument", "value"), KEEPING)
@pytest.mark.parametrize("documents", [False, True])
def test_what_is_to_be_kept_is_said_in_whole_numbers_and_aware_times(
    memory: Place, documents: bool, argument: str, value: Any
) -> None:
    stores: list[Any] = [DocumentStore(memory.target), AsyncDocumentStore(memory.target)]
    if not documents:
        stores = [memory.open(), memory.open_async()]
    for number in range(40):
        if documents:
            stores[0].save("s", {"a": number})
        else:
            stores[0].save(SessionData.new("s", name=f"{number}"))
    before = memory.files()
    for store in stores:
        for dry_run in (False, True):
            with pytest.raises(ValueError, match=f"^{argument} must be "):
                finish(store.prune("s", **{argument: value}, dry_run=dry_run))
    assert memory.files() == before


@pytest.mark.parametrize("attempts", [*NO_WHOLE, 0])
def test_an_update_is_tried_a_whole_number_of_times(memory: Place, attempts: Any) -> None:
    memory.open().save(SessionData.new("s"))
    before = memory.files()
    for store in (memory.open(), memory.open_async()):
        calls: list[SessionData] = []
        with pytest.raises(ValueError, match=r"^attempts must be a whole number, 1 or more, not "):
            finish(store.update("s", calls.append, attempts=attempts))
        assert calls == []
    assert memory.files() == before


async def _first(found: Any) -> Any:
    return [each async for each in found]


def went_over(found: Any) -> Any:
    return asyncio.run(_first(found)) if hasattr(found, "__aiter__") else list(found)


@pytest.mark.parametrize("value", [1, None, b"s", ["s"], True], ids=repr)
@pytest.mark.parametrize("layout", ["log", "tree"])
def test_a_prefix_is_a_text(memory: Place, layout: Any, value: Any) -> None:
    memory.open(layout).save(SessionData.new("s"))
    for store in (memory.open(layout), memory.open_async(layout)):
        with pytest.raises(InvalidValueError, match=f"^prefix must be a str, not {type(value).__name__}$"):
            went_over(store.iter_ids(value))
        with pytest.raises(InvalidValueError, match=f"^prefix must be a str, not {type(value).__name__}$"):
            went_over(store.iter_summaries(prefix=value))
        with pytest.raises(InvalidValueError, match=f"^prefix must be a str, not {type(value).__name__}$"):
            went_over(store.iter_summaries(["s"], prefix=value))


@pytest.mark.parametrize("value", [1, None, b"s"], ids=repr)
def test_nor_is_it_anything_else_in_documents(memory: Place, value: Any) -> None:
    for store in (DocumentStore(memory.target), AsyncDocumentStore(memory.target)):
        with pytest.raises(InvalidValueError, match=f"^prefix must be a str, not {type(value).__name__}$"):
            finish(store.list(value))
        with pytest.raises(InvalidValueError, match=f"^prefix must be a str, not {type(value).__name__}$"):
            finish(store.summaries(value))


@pytest.mark.parametrize("value", [30, "2026-01-01", datetime.date(2026, 1, 1), datetime.timedelta(days=1)], ids=repr)
def test_summaries_since_a_time_are_asked_for_by_an_aware_one(memory: Place, value: Any) -> None:
    for store in (memory.open(), memory.open_async()):
        with pytest.raises(ValueError, match=r"^updated_since must be an aware time"):
            went_over(store.iter_summaries(updated_since=value))


def test_a_parent_is_an_id(memory: Place) -> None:
    parent: Any = 5
    for store in (memory.open(), memory.open_async()):
        with pytest.raises(InvalidValueError, match=r"^parent must be a str, not int$"):
            went_over(store.iter_summaries(parent=parent))


@pytest.mark.parametrize("state", [["Active"], 1, {}, b"Active", "active"], ids=repr)
def test_a_state_is_one_of_those_that_there_are(memory: Place, state: Any) -> None:
    for store in (memory.open(), memory.open_async()):
        with pytest.raises(
            ValueError, match=r"^(no session is in the state 'active'; the states are|state must be a str)"
        ):
            went_over(store.iter_summaries(state=state))


FLAGS: dict[str, Callable[[Any, Any], Any]] = {
    "purge": lambda store, value: store.delete("s", purge=value),
    "keep_versions": lambda store, value: store.delete("s", purge=True, keep_versions=value),
    "dry_run of prune": lambda store, value: store.prune("s", keep_last=1, dry_run=value),
    "dry_run of collect": lambda store, value: store.collect(["s"], dry_run=value),
    "dry_run of repair": lambda store, value: store.repair("s", dry_run=value),
    "history": lambda store, value: objstore.copy(store, memory_store(), history=value),
    "lossy": lambda store, value: objstore.copy(store, memory_store(), lossy=value),
}


@pytest.mark.parametrize("value", ["false", None], ids=repr)
@pytest.mark.parametrize("flag", FLAGS)
def test_what_is_neither_yes_nor_no_is_taken_for_neither(memory: Place, flag: str, value: Any) -> None:
    store = memory.open()
    store.save(SessionData.new("s"))
    store.append("s", messages=[Message.tool_result("call", "of none")])  # what a repair would mend
    before = memory.files()
    for face in (store, memory.open_async()):
        with pytest.raises(
            InvalidValueError, match=f"^{flag.split()[0]} must be True or False, not {type(value).__name__}$"
        ):
            finish(FLAGS[flag](face, value))
    assert memory.files() == before
