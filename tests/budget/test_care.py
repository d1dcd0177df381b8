"""To look for what hurts an agent is work that grows with what is looked at, however much there is of the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from objstore._care.ailments import examine
from tests.budget.work import instructions

Document = dict[str, Any]


def calls(number: int) -> list[Document]:
    """Calls as some models make them, which all have one id."""
    return [{"role": "assistant", "content": [{"type": "tool_use", "id": "call_0"}]} for _ in range(number)]


def results(number: int) -> list[Document]:
    return [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0"}]} for _ in range(number)]


def unanswered(number: int) -> Document:
    return {"session": {"messages": calls(number)}}


def answered(number: int) -> Document:
    pairs = zip(calls(number), results(number), strict=True)
    return {"session": {"messages": [message for pair in pairs for message in pair]}}


def answered_late(number: int) -> Document:
    return {"session": {"messages": calls(number) + results(number)}}


def tasks(number: int) -> Document:
    return {"session": {"tasks": [{"id": "task", "content": f"{n}"} for n in range(number)]}}


def runs(number: int) -> Document:
    return {
        "runs": [{"snapshot": {"id": "run", "prompt": f"{n}", "event_count": 0}, "events": []} for n in range(number)]
    }


@pytest.mark.parametrize("parts", [unanswered, answered, answered_late, tasks, runs])
def test_many_of_one_id_are_four_times_the_work_where_they_are_four_times_as_many(
    parts: Callable[[int], Document],
) -> None:
    instructions(partial(examine, "s", parts(1)))  # Python 3.14 tells of fewer the first time
    few, many = (instructions(partial(examine, "s", parts(number))) for number in (100, 400))
    assert many <= 4.2 * few
