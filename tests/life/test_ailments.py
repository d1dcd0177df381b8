"""What hurts an agent is found, and what was mended is fit for providers, whatever it was before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objstore._care.ailments import Ailment, examine, mend
from objstore._care.exchanges import INTERRUPTED

Block = dict[str, Any]


def text(value: str = "hello") -> Block:
    return {"type": "text", "text": value}


def call(id: str, name: str = "bash") -> Block:
    return {"type": "tool_use", "id": id, "name": name, "input": {}}


def result(id: str, content: Any = "done") -> Block:
    return {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": False}


def interrupted(id: str) -> Block:
    return {"type": "tool_result", "tool_use_id": id, "content": INTERRUPTED, "is_error": True}


def user(*blocks: Block) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Block) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def session(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"session": {"id": "s", "messages": list(messages), **members}}


def mended(*messages: dict[str, Any]) -> Any:
    return mend("s", session(*messages))[0]["session"]["messages"]


def kinds(parts: dict[str, Any]) -> list[str]:
    return [ailment.kind for ailment in examine("s", parts)]


def refusal(messages: list[dict[str, Any]]) -> str | None:
    """Judge a conversation as the strictest of providers does, each in words of its own."""
    owed: list[str] = []
    seen: set[str] = set()
    for message in messages:
        behind_text = False
        for block in message["content"]:
            if block["type"] == "tool_result":
                if message["role"] == "assistant" or block["tool_use_id"] not in owed or behind_text:
                    return f"unexpected result {block['tool_use_id']}"
                owed.remove(block["tool_use_id"])
            elif owed and message["role"] != "assistant":
                return f"no result for {owed}"
            else:
                behind_text = True
        if message["role"] == "assistant" and owed:
            return f"no result for {owed}"
        calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        if len(set(calls)) < len(calls) or seen.intersection(calls):
            return f"repeated ids in {calls}"
        seen.update(calls)
        owed += calls
    return f"no result for {owed}" if owed else None


def test_a_call_that_was_interrupted_is_answered_directly_behind_it() -> None:
    before = (user(text()), assistant(text(), call("a")), user(text("are you there?")))
    assert kinds(session(*before)) == ["call without result"]
    assert mended(*before) == [before[0], before[1], user(interrupted("a")), before[2]]


def test_an_answer_joins_the_results_that_are_there_and_stays_in_front_of_text() -> None:
    before = (assistant(call("a"), call("b"), call("c")), user(result("a")), user(result("c"), text("go on")))
    after = [before[0], before[1], user(result("c"), interrupted("b"), text("go on"))]
    assert mended(*before) == after


def test_results_in_messages_of_their_own_are_right_as_the_real_program_writes_them() -> None:
    before = (assistant(call("a"), call("b")), user(result("a")), user(result("b")), assistant(text()))
    assert kinds(session(*before)) == []


def test_a_result_in_front_of_a_call_in_one_message_is_where_it_belongs() -> None:
    before = (assistant(call("a")), user(result("a"), call("b")), user(result("b")))
    assert refusal([*before]) is None
    assert kinds(session(*before)) == []


def test_a_result_behind_a_remark_is_moved_and_not_replaced() -> None:
    before = (assistant(call("a")), user(text("hurry")), user(result("a", "42")), assistant(text()))
    assert kinds(session(*before)) == ["result out of place"]
    assert mended(*before) == [before[0], user(result("a", "42")), before[1], before[3]]


def test_a_result_without_a_call_is_removed_and_does_not_become_text() -> None:
    before = (user(result("gone")), user(text()), assistant(call("a")), user(result("a"), result("a", "again")))
    assert kinds(session(*before)) == ["result without call"] * 2
    assert mended(*before) == [before[1], before[2], user(result("a"))]


def test_ids_that_a_server_uses_again_in_each_turn_are_told_apart() -> None:
    before = (assistant(call("call_0")), user(result("call_0", "1")), assistant(call("call_0")), user(result("call_0")))
    after = [*before[:2], assistant(call("call_0-2")), user(result("call_0-2"))]
    assert kinds(session(*before)) == ["repeated id"]
    assert mended(*before) == after


def test_an_id_that_is_used_again_after_an_interruption_keeps_its_own_result() -> None:
    before = (assistant(call("x")), assistant(call("x")), user(result("x", "second")))
    after = [before[0], user(interrupted("x")), assistant(call("x-2")), user(result("x-2", "second"))]
    assert mended(*before) == after


def test_unknown_blocks_and_members_are_left_alone() -> None:
    odd = {"role": "assistant", "content": [{"type": "thinking", "signature": "x"}, call("a")], "trust": 1}
    assert mended(odd) == [odd, user(interrupted("a"))]


BLOCKS = st.one_of(
    st.builds(text),
    st.builds(call, st.sampled_from("abc")),
    st.builds(result, st.sampled_from(["a", "b", "c", "a-2"])),
)
MESSAGES = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant", "assistant", "tool"]),
        st.lists(BLOCKS, min_size=1, max_size=4),
    ),
    max_size=8,
)
EVENTS = st.lists(st.builds(lambda n: {"sequence": n, "timestamp_ms": 1, "event": {"type": "x"}}, st.integers(0, 5)))
RUNS = st.lists(
    st.builds(
        lambda run, status, count, events: {
            "snapshot": {"id": run, "status": status, "event_count": count},
            "events": events,
        },
        st.sampled_from(["run-1", "run-2", "run-1-2"]),
        st.sampled_from(["created", "executing", "completed", "failed"]),
        st.integers(0, 5),
        EVENTS,
    ),
    max_size=4,
)
ARTIFACTS = st.lists(
    st.builds(lambda n, c: {"artifact_uri": f"a3s://{n}", "content": c}, st.integers(0, 2), st.text(max_size=1))
)
TASKS = st.lists(st.builds(lambda n, c: {"id": n, "content": c}, st.sampled_from("12"), st.sampled_from("xy")))


@given(MESSAGES, RUNS, ARTIFACTS, TASKS)
def test_whatever_was_mended_has_no_errors_and_is_mended_for_good(
    messages: Any, runs: Any, artifacts: Any, tasks: Any
) -> None:
    parts = {**session(*messages, tasks=tasks), "runs": runs, "artifacts": {"artifacts": artifacts}, "traces": None}
    before = json.dumps(parts)
    after, mends = mend("s", parts)
    assert json.dumps(parts) == before
    assert mend("s", after) == (after, ())
    assert [a for a in examine("s", after) if a.severity == "error"] == []
    assert refusal(after["session"]["messages"]) is None
    found = examine("s", parts)
    assert [m.ailment for m in mends] == [a for a in found if a.kind != "absent artifact"]
    if not found:
        assert all(after[part] is parts[part] for part in parts)
    spoken = [block for message in messages for block in message["content"] if block["type"] == "text"]
    assert [b for m in after["session"]["messages"] for b in m["content"] if b["type"] == "text"] == spoken


@given(MESSAGES)
def test_what_providers_refuse_is_found(messages: Any) -> None:
    if refusal(messages) is not None:
        assert any(ailment.severity == "error" for ailment in examine("s", session(*messages)))


def test_a_run_that_never_ended_is_a_note_and_is_closed_as_failed() -> None:
    run = {"snapshot": {"id": "r", "status": "executing", "event_count": 0, "later": 1}, "events": []}
    (ailment,) = examine("s", {"runs": [run]})
    assert (ailment.kind, ailment.path, ailment.severity) == ("unfinished run", (0, "snapshot", "status"), "note")
    after, _ = mend("s", {"runs": [run]})
    closed: Any = after["runs"][0]["snapshot"]
    assert list(closed.items()) == [
        ("id", "r"),
        ("status", "failed"),
        ("later", 1),
        ("error", "interrupted"),
        ("event_count", 0),
    ]


def test_events_are_counted_and_numbered_on() -> None:
    events = [{"sequence": n} for n in (0, 1, 1, 2, 7)]
    run = {"snapshot": {"id": "r", "status": "completed", "event_count": 1}, "events": events}
    assert kinds({"runs": [run]}) == ["wrong event count", "wrong event order", "wrong event order"]
    after, _ = mend("s", {"runs": [run]})
    fixed: Any = after["runs"][0]
    assert [event["sequence"] for event in fixed["events"]] == [0, 1, 2, 3, 7]
    assert fixed["snapshot"]["event_count"] == 5


def test_of_the_same_things_one_stays_and_others_get_ids_of_their_own() -> None:
    same = {"id": "1", "content": "x"}
    other = {"id": "1", "content": "y"}
    after, mends = mend("s", session(tasks=[same, dict(same), other]))
    assert after["session"]["tasks"] == [same, {"id": "1-2", "content": "y"}]
    assert [m.ailment.path for m in mends] == [("tasks", 1), ("tasks", 2)]
    old, new = ({"artifact_uri": "a3s://a", "content": c} for c in ("old", "new"))
    assert mend("s", {"artifacts": {"artifacts": [old, new]}})[0] == {"artifacts": {"artifacts": [new]}}


def test_artifacts_that_are_named_and_absent_are_only_reported() -> None:
    note = (
        "[tool output truncated: showing the first 1 of 2 bytes. Full output artifact: a3s://tool-output/sh/{}. Ask.]"
    )
    parts = {
        **session(assistant(call("a")), user(result("a", [text(note.format("1")), text(note.format("2"))]))),
        "artifacts": {"artifacts": [{"artifact_uri": "a3s://tool-output/sh/1"}]},
        "traces": [{"artifact_uris": ["a3s://tool-output/sh/3"]}],
        "verification": [{"checks": [{"evidence_uris": ["a3s://4", "https://example.org/log"]}]}],
    }
    found = examine("s", parts)
    assert {(a.kind, a.severity) for a in found} == {("absent artifact", "note")}
    assert [(a.part, a.path) for a in found] == [
        ("session", ("messages", 1, "content", 0)),
        ("traces", (0, "artifact_uris")),
        ("verification", (0, "checks", 0, "evidence_uris")),
    ]
    assert mend("s", parts) == (parts, ())


def test_no_ailment_tells_what_the_session_holds() -> None:
    parts = session(assistant(call("secret-id")), tasks=[{"id": "secret", "content": n} for n in "ab"])
    assert "secret" not in repr(examine("s", parts))


def test_the_sessions_of_the_real_program_are_well() -> None:
    root = Path(__file__).parent.parent / "data" / "a3s-2.2.0"
    files = sorted(root.glob("*.json"))
    assert files
    for file in files:
        parts = {"session": json.loads(file.read_bytes())}
        runs = root / "runs" / file.name
        if runs.exists():
            parts["runs"] = json.loads(runs.read_bytes())
        assert [a for a in examine(file.stem, parts) if a.kind != "absent artifact"] == []


@pytest.mark.parametrize("parts", [{"session": None}, {"runs": [{}], "session": 7}, {"artifacts": []}, {"traces": [1]}])
def test_parts_of_another_shape_are_left_alone(parts: Any) -> None:
    found: tuple[Ailment, ...] = examine("s", parts)
    assert found == ()
    assert mend("s", parts) == (parts, ())
