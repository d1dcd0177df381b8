"""The calls of a conversation and their results: what does not fit together, and how it is put right.

Providers refuse a conversation in which a call is not followed by its result, whatever follows else. They differ in how
strict they are; what is made here is what all of them take:

- ids of calls are unique;
- the results stand in the messages directly behind the one with the calls, in front of everything else there;
- a call without one is answered by an error that says so, which a model understands as it is;
- a result without a call is removed, not turned into text: what a tool put out must not begin to speak as the user.

A result that was recorded, but behind something else (a user's remark while the tool ran), is moved, not replaced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Path = tuple[str | int, ...]
Kind = Literal["repeated id", "call without result", "result without call", "result out of place"]
Place = tuple[int, int]
"""A message and a block of it."""

INTERRUPTED: Final = "[interrupted: no result was recorded]"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something in a conversation that does not fit, and what is done about it."""

    kind: Kind
    path: Path
    detail: str
    done: str


@dataclass(slots=True)
class _Call:
    place: Place
    id: str
    unique: str
    result: Place | None = None


@dataclass(slots=True)
class _Changes:
    gone: set[Place] = field(default_factory=set)
    renamed: dict[Place, tuple[str, str]] = field(default_factory=dict)
    behind: dict[Place, list[Any]] = field(default_factory=dict)
    """Blocks to be put behind a block; behind a whole message, in one of their own, where the block is -1."""

    def touched(self) -> set[int]:
        """Give the messages that have to be written anew."""
        behind = (place for place in self.behind if place[1] >= 0)
        return {message for places in (self.gone, self.renamed, behind) for message, _ in places}


def mended(messages: list[Any]) -> tuple[list[Any], list[Flaw]]:
    """Give a conversation that providers take, and what was wrong with this one, in its order.

    Messages that are right are the same objects. Where nothing is wrong, the very list is given back.
    """
    calls, owners, orphans = _paired(messages)
    flaws = [(place, _flaw("result without call", place, "no open call has its id", "removed")) for place in orphans]
    changes = _Changes(gone=set(orphans))
    for call in calls:
        if call.unique != call.id:
            changes.renamed[call.place] = ("id", call.unique)
            if call.result:
                changes.renamed[call.result] = ("tool_use_id", call.unique)
            flaws.append((call.place, _flaw("repeated id", call.place, "an earlier call has this id", "renamed")))
    by_message: dict[int, list[_Call]] = {}
    for call in calls:
        by_message.setdefault(call.place[0], []).append(call)
    for message, made in by_message.items():
        settled = _in_place(messages, message, owners)
        anchor = max(settled, default=(message, -1))
        for call in made:
            if call.result in settled:
                continue
            if call.result is None:
                flaw = _flaw("call without result", call.place, "nothing answers it", "answered as interrupted")
                block: Any = _interrupted(call.unique)
            else:
                detail = "it does not stand directly behind its call"
                flaw = _flaw("result out of place", call.result, detail, "moved behind its call")
                block = {**_content(messages[call.result[0]])[call.result[1]], "tool_use_id": call.unique}
                changes.gone.add(call.result)
            flaws.append((call.result or call.place, flaw))
            changes.behind.setdefault(anchor, []).append(block)
    if not flaws:
        return messages, []
    return list(_rebuilt(messages, changes)), [flaw for _, flaw in sorted(flaws, key=lambda found: found[0])]


def _flaw(kind: Kind, place: Place, detail: str, done: str) -> Flaw:
    return Flaw(kind, ("messages", place[0], "content", place[1]), detail, done)


def _interrupted(id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": INTERRUPTED, "is_error": True}


def _content(message: Any) -> list[Any]:
    content = message.get("content") if isinstance(message, Mapping) else None
    return content if isinstance(content, list) else []


def _type(block: Any) -> Any:
    return block.get("type") if isinstance(block, Mapping) else None


def _paired(messages: list[Any]) -> tuple[list[_Call], dict[Place, _Call], list[Place]]:
    """Find the result of each call: the first behind it of its id; where ids repeat, the latest call comes first."""
    calls: list[_Call] = []
    owners: dict[Place, _Call] = {}
    orphans: list[Place] = []
    open_calls: dict[str, list[deque[_Call]]] = {}  # by message, so that none of them is searched
    ids = (id for message in messages for block in _content(message) if isinstance(id := _id_in(block), str))
    taken = dict.fromkeys(ids, 2)
    used: set[str] = set()
    for m, message in enumerate(messages):
        for b, block in enumerate(_content(message)):
            id = _id_in(block)
            if _type(block) == "tool_use" and isinstance(id, str):
                call = _Call((m, b), id, id if id not in used else fresh(id, taken))
                used.add(call.unique)
                calls.append(call)
                waiting = open_calls.setdefault(id, [])
                if not waiting or waiting[-1][0].place[0] != m:
                    waiting.append(deque())
                waiting[-1].append(call)
            elif _type(block) == "tool_result":
                waiting = open_calls.get(id, []) if isinstance(id, str) else []
                if not waiting:
                    orphans.append((m, b))
                    continue
                call = waiting[-1].popleft()
                if not waiting[-1]:
                    waiting.pop()
                call.result = (m, b)
                owners[m, b] = call
    return calls, owners, orphans


def _id_in(block: Any) -> Any:
    kind = _type(block)
    return block.get("id") if kind == "tool_use" else block.get("tool_use_id") if kind == "tool_result" else None


def fresh(id: str, taken: dict[str, int]) -> str:
    """Make an id out of one of those that are taken, each with the number to try next; from then on it is, too."""
    n = taken[id]
    while (found := f"{id}-{n}") in taken:
        n += 1
    taken[id] = n + 1
    taken[found] = 2
    return found


def _in_place(messages: list[Any], message: int, owners: Mapping[Place, _Call]) -> set[Place]:
    """Find the results of a message's calls that stand where providers look for them."""
    found: set[Place] = set()
    for m in range(message + 1, len(messages)):
        content = _content(messages[m])
        if not content or messages[m].get("role") == "assistant":
            break
        for b, block in enumerate(content):
            if _type(block) != "tool_result":
                return found
            if (m, b) in owners and owners[m, b].place[0] == message:
                found.add((m, b))  # any other result there is removed or moved away
    return found


def _rebuilt(messages: list[Any], changes: _Changes) -> Iterator[Any]:
    touched = changes.touched()
    for m, message in enumerate(messages):
        if m in touched:
            blocks: list[Any] = []
            for b, block in enumerate(_content(message)):
                if (m, b) not in changes.gone:
                    member = changes.renamed.get((m, b))
                    blocks.append({**block, member[0]: member[1]} if member else block)
                blocks += changes.behind.get((m, b), ())
            if blocks:
                yield {**message, "content": blocks}
        else:
            yield message
        if (m, -1) in changes.behind:
            yield {"role": "user", "content": changes.behind[m, -1]}
