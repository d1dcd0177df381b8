"""The work: turns of a made-up agent, in no library's shape, so that every contender translates them alike."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.budget.workload import text

_BIG_EVERY = 10


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, an answer that calls a tool, and what the tool said."""

    user: str
    assistant: str
    call: str
    arguments: dict[str, str]
    result: str

    @property
    def chars(self) -> int:
        """The characters of text, by which a load is checked."""
        return len(self.user) + len(self.assistant) + len(self.result)

    def messages(self) -> list[dict[str, Any]]:
        """Make the three messages that most providers know, as plain JSON."""
        call = {"type": "tool_use", "id": self.call, "name": "run_command", "input": self.arguments}
        result = {"type": "tool_result", "tool_use_id": self.call, "content": self.result}
        return [
            {"role": "user", "content": [{"type": "text", "text": self.user}]},
            {"role": "assistant", "content": [{"type": "text", "text": self.assistant}, call]},
            {"role": "user", "content": [result]},
        ]


def turns(first: int, count: int, *, big: bool = True) -> list[Turn]:
    """Make some turns, the same each time, with a tool result of 2 KB; of 200 KB in every tenth if ``big``."""
    return [
        _turn(number, 200_000 if big and number % _BIG_EVERY == _BIG_EVERY - 1 else 2_000)
        for number in range(first, first + count)
    ]


def _turn(number: int, size: int) -> Turn:
    rng = random.Random(number)
    return Turn(
        user=text(rng, 300),
        assistant=text(rng, 400),
        call=f"call_{number:06d}",
        arguments={"cmd": text(rng, 80), "cwd": "work/repo"},
        result=text(rng, size),
    )


def encoded(turn: Turn) -> bytes:
    """Write a turn as one line of compact JSON; the payload that bytes are compared with."""
    return json.dumps(turn.messages(), separators=(",", ":")).encode()


def counted(messages: Iterable[dict[str, Any]]) -> tuple[int, int]:
    """Count plain messages and the characters of their text."""
    found = [*messages]
    blocks = [block for message in found for block in message["content"]]
    return len(found), sum(len(block.get("text") or block.get("content") or "") for block in blocks)


def expected(made: Sequence[Turn]) -> tuple[int, int]:
    """Say what `counted` has to give for turns."""
    return 3 * len(made), sum(turn.chars for turn in made)
