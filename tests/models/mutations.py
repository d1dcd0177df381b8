"""Changes of a session, or of what stands beside it, made in place and behind the back of every check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, Field

from objstore import Message, TextBlock, ToolUseBlock
from objstore.testing import strategies


class Word(StrEnum):
    WORD = "word"


class Text(str):
    __slots__ = ()


class Other(BaseModel):
    type: str = "text"
    text: str = "text"


class Loud(Message):
    """A subclass with a field more, which nobody wants written."""

    loud: bool = Field(default=True, exclude=True)


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


# What stands for nothing but itself, and what looks like something else.
ODD: tuple[Any, ...] = (
    *(0, 0.0, -0.0, 1, 1.0, True, False, None, "", "word", Word.WORD, Text("word"), 2**70, 10**640, 10**639),
    *(math.nan, math.inf, "\ud800", b"bytes", bytearray(b"x"), {1: 2}, {"\udfff": 1}, {Word.WORD: 1}, {None: 1}),
    *((), (1, "a"), {1}, object, Other(), TextBlock(text="word"), Message.user("word"), Loud.user("word")),
    *(deep(levels) for levels in (193, 194, 195, 196, 197, 198, 199, 200, 201, 260)),
    *({"=": "x"}, {"=list": "y"}, {"==": 1}),
)
VALUES: st.SearchStrategy[Any] = strategies.json_values() | st.sampled_from(ODD)


def places(value: Any, seen: set[int] | None = None) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what holds it, and its key or index there."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    members: Any = ()
    if isinstance(value, BaseModel):
        for holder in (value.__dict__, value.__pydantic_extra__ or {}):
            yield from places(holder, seen)
    elif isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for key, member in members:
        yield value, key
        yield from places(member, seen)


@st.composite
def changes(draw: st.DrawFn) -> Callable[[Any], None]:
    """Draw a change: put something in a place, take it away, or put its siblings in another order."""
    where = draw(st.integers(0, 2**20))
    kind = draw(st.sampled_from(["put", "put", "put", "same", "cut", "insert", "turn", "double", "type"]))
    new = draw(VALUES)

    def change(value: Any) -> None:
        found = [(holder, key) for holder, key in places(value) if key not in ("id", "hook_engine", "api_key")]
        if not found:
            return
        holder, key = found[where % len(found)]
        match kind:
            case "put":
                holder[key] = new
            case "same":  # an equal value that is another object
                holder[key] = holder[key].model_copy(deep=True) if isinstance(holder[key], BaseModel) else holder[key]
            case "cut":
                del holder[key]
            case "insert" if isinstance(holder, list):
                holder.insert(key, new)
            case "insert":
                holder[f"{key} and more"] = new
            case "turn" if isinstance(holder, list):
                holder.reverse()
            case "turn":
                holder[key] = holder.pop(key)
            case "double" if isinstance(holder, list):
                holder[:] = holder * 2
            case "type" if holder[key] in (0, 1):
                holder[key] = {int: float, bool: int, float: bool}[type(holder[key])](holder[key])

    return change


def filled() -> st.SearchStrategy[Any]:
    """Draw sessions long enough for several slices, with unknown fields, calls of tools and blocks of other types."""

    def fill(session: Any, extra: Any, count: int) -> Any:
        session.__pydantic_extra__["later"] = extra
        call = ToolUseBlock(id="call", name="bash", input={"list": [1, 1.0, True, {"deep": [0.0, None]}], "text": "x"})
        session.messages += [Message(role="assistant", content=[TextBlock(text=str(n)), call]) for n in range(count)]
        return session

    return st.builds(fill, strategies.sessions("s"), strategies.json_values(), st.sampled_from([0, 1, 63, 64, 65, 130]))
