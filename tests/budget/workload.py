"""Turns of a made-up agent: log-like text that compresses about three to one, and every tenth tool output is big."""

from __future__ import annotations

import random
from collections.abc import Iterator

from objstore import Message, TextBlock, ToolUseBlock

_WORDS = ["agent", "session", "bucket", "object", "prefix", "build", "deploy", "error", "retry", "queue", "trace"]


def text(rng: random.Random, size: int) -> str:
    """Make ``size`` characters of words, with hexadecimal noise between them."""
    parts: list[str] = []
    length = 0
    while length < size:
        word = f"{rng.getrandbits(64):016x}" if rng.random() < 0.2 else rng.choice(_WORDS)
        parts.append(word)
        length += len(word) + 1
    return " ".join(parts)[:size]


def turns(count: int, seed: int = 7, *, big: bool = True, size: int = 2_000) -> Iterator[list[Message]]:
    """Make turns: a question, a tool call, its result of ``size`` characters (every tenth: 200 KB, if ``big``)."""
    rng = random.Random(seed)
    for turn in range(count):
        call = f"call_{turn:06d}"
        yield [
            Message.user(text(rng, 300)),
            Message(
                role="assistant",
                content=[
                    TextBlock(text=text(rng, 400)),
                    ToolUseBlock(id=call, name="run_command", input={"cmd": text(rng, 80), "cwd": "work/repo"}),
                ],
            ),
            Message.tool_result(call, text(rng, 200_000 if big and turn % 10 == 9 else size)),
        ]
