"""User data that looks like what the store writes itself: it comes back as it was, and leads nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from objstore import ArtifactStore, DocumentStore, Message, SessionData, ToolUseBlock, TraceEvent
from tests.bad_input.damage import artifact
from tests.places import Place

NAME = "0" * 64
LIKE: dict[str, Any] = {
    "text": {"=": NAME + ".zst"},
    "bytes": {"=bytes": NAME},
    "leaf": {"=list": NAME + ".zst"},
    "leaf in a list": [{"=list": NAME + ".zst"}, {"=": NAME}],
    "unknown kind": {"=future": 1},
    "doubled": {"==": NAME, "===": {"==bytes": NAME}},
    "the sign alone": {"=": None},
    "beside others": {"=": NAME, "x": 1},
    "a patch": {
        "set": 1,
        "cut": ["a"],
        "sub": {"=": {"put": {}}},
        "list": [[0, 1], {"at": 0, "patch": {}}, {"add": []}],
    },
    "an empty key": {"": {"=": {"": "="}}},
    "in a text": 'he said "=list": {"=": "x"} and "self":"' + NAME + '"}',
    "a commit": {"format": 99, "kind": "delete", "requires": ["x"], "self": NAME, "body": None},
    "escapes": {"\u003d": "\\u003d", '"=': '\\"='},
    "long": {"=": {"=list": ["=" * 300_000, {"=": "x" * 300_000}]}},
}


@pytest.fixture(params=[*LIKE.values()], ids=[*LIKE])
def like(request: pytest.FixtureRequest) -> Any:
    return request.param


def documents(place: Place) -> DocumentStore:
    return DocumentStore(place.target, storage_options=place.options)


def parts(place: Place, at: int | None = None) -> dict[str, Any]:
    found = documents(place).load("d", at=at)
    assert found is not None
    return found.parts


def test_it_survives_a_document_its_edits_and_its_snapshots(memory: Place, like: Any) -> None:
    store = documents(memory)
    value: dict[str, Any] = {"v": like, "list": [like] * 3}
    store.save("d", {"=": value, "=list": [like], "==": like})
    expected = [{"=": value, "=list": [like], "==": like}]
    for n in range(35):  # over a snapshot
        value = {**value, "list": [*value["list"], {"=": n, "like": like}]}
        if n % 5 == 0:
            value = {**value, "v": {"inner": [like, n]}}
        if n % 7 == 0:
            value["list"] = value["list"][1:]
        store.save("d", {"=": value})
        expected.append({**expected[-1], "=": value})
    assert parts(memory) == expected[-1]
    for n in (1, 2, 20, 33, 34, 36):
        assert parts(memory, at=n) == expected[n - 1]
    changed = {name for commit in store.history("d") for name in commit.parts}
    assert changed == {"=", "=list", "=="}
    assert store.verify().ok


def test_it_survives_in_items_that_are_cut_into_leaves(memory: Place, like: Any) -> None:
    filler = "f" * 2000
    items = [{"=": n, "like": like, "filler": filler} for n in range(30 if len(str(like)) > 10_000 else 600)]
    documents(memory).save("d", {"items": items})
    assert parts(memory) == {"items": items}
    documents(memory).append("d", {"items": [like]})
    documents(memory).save("d", {"items": [*items[:10], like, *items[11:]]})
    assert parts(memory)["items"][10] == like
    assert documents(memory).verify().ok


def test_it_survives_wherever_a_session_takes_json(memory: Place, like: Any) -> None:
    session = SessionData.new("s")
    session.messages.append(Message(role="assistant", content=[ToolUseBlock(id="=", name="=list", input=like)]))
    session.messages.append(Message.tool_result("=", str(like)))
    session.model_extra.update({"=": like, "==extra": [like]})  # type: ignore[union-attr]
    trace = TraceEvent.tool_execution("=", success=True, exit_code=0, duration_ms=1, output_bytes=1)
    assert trace.model_extra is not None
    trace.model_extra["="] = {"=": like}
    artifacts = ArtifactStore()
    artifacts.put(artifact(str(like) * 100))
    memory.open().commit(session, trace_events=[trace], artifacts=artifacts)
    found = memory.open().load_bundle("s")
    assert found is not None
    assert (found.session, found.trace_events, found.artifacts) == (session, [trace], artifacts)
    again = memory.open()
    again.append("s", messages=session.messages, trace_events=[trace])
    loaded = memory.open().load("s")
    assert loaded is not None
    assert loaded.messages == session.messages * 2
    assert again.verify().ok


def test_keys_and_names_come_back_in_their_order(memory: Place) -> None:
    names = ["z", "=z", "==z", "a", "=", "", "=a"]
    value = {name: number for number, name in enumerate(names)}
    documents(memory).save("d", {"v": value})
    documents(memory).save("d", {"v": {"=": 1, **value}})
    assert list(parts(memory)["v"]) == ["=", *[name for name in names if name != "="]]
    documents(memory).save("d", {"v": {"=z": 1}})
    assert parts(memory)["v"] == {"=z": 1}
