"""Looking for ailments in states that are whole and hold nonsense: whatever stands anywhere, nothing breaks."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from objstore._care.care import OF_SESSIONS

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "text",
    "a3s://x",
    [],
    [[]],
    [{}],
    {},
    {"id": []},
    [None, "text", {}],
)
CALL = {"type": "tool_use", "id": "1", "name": "t", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "see a3s://artifacts/1"}]}
RUN = {
    "snapshot": {"id": "r", "status": "executing", "event_count": 3},
    "events": [{"sequence": 0, "event": {}}, {"sequence": 0, "event": {}}],
}
STATE: dict[str, Any] = {
    "session": {
        "messages": [{"role": "assistant", "content": [CALL, CALL]}, {"role": "user", "content": [RESULT, RESULT]}],
        "tasks": [{"id": "1"}, {"id": "1"}],
    },
    "artifacts": {"artifacts": [{"artifact_uri": "a3s://artifacts/1"}, {"artifact_uri": "a3s://artifacts/1"}]},
    "runs": [RUN, RUN],
    "traces": [{"artifact_uris": ["a3s://artifacts/2"]}],
    "verification": [{"checks": [{"evidence_uris": ["a3s://artifacts/2"]}]}],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value, from the top down."""
    if path:
        yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in steps:
        yield from places(member, (*path, step))


def put(path: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(STATE))  # where nothing is the same object twice
    holder: Any = state
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = odd
    return state


def test_the_state_itself_is_ailing_everywhere() -> None:
    assert {ailment.kind for ailment in OF_SESSIONS.examine("s", STATE)} == {
        "repeated id", "absent artifact", "unfinished run", "wrong event count", "wrong event order",
    }  # fmt: skip


@pytest.mark.parametrize("path", [*places(STATE)], ids=lambda path: ".".join(map(str, path)))
def test_whatever_stands_anywhere_it_is_looked_at_and_mended(path: tuple[Any, ...]) -> None:
    for odd in ODD:
        state = put(path, odd)
        before = copy.deepcopy(state)
        OF_SESSIONS.examine("s", state)
        mended, _ = OF_SESSIONS.mend("s", state)
        OF_SESSIONS.without("s", state, lambda value: value == "text")
        assert state == before
        again, mends = OF_SESSIONS.mend("s", mended)
        assert (again, mends) == (mended, ())
