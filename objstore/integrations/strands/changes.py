"""What is done to the parts of a session, as functions of what is there; no I/O.

A session is a document. Its parts are ``session``; for each agent ``agent/NAME``, its state, and ``messages/NAME``, a
list that is added to; ``multi_agent/NAME``; and one part for each large value of the messages. With a state stands the
digest of what it says, by which it is told from others: a big text in it is not read for that.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from strands.types.exceptions import SessionException

from ..ours import Ours, Reading
from ..spelling import document_id, spelled
from ..values import Large

Parts = Mapping[str, Any]
Change = Callable[[Parts], Mapping[str, object]]
"""The parts as they are -> those that change."""

Taken = Mapping[str, Any]
"""A value as it was taken down."""

_TIMES: Final = ("created_at", "updated_at")

OURS: Final = Ours("session", "Strands", ("session",))

AGAIN: Final = "open the session again and repeat the turn"


class SessionConflictError(SessionException):
    """Another writer changed the session. What was to be written is not; open the session again."""


def reading(session_id: str, part: str) -> Reading:
    """Let a garbled part of a session be named; see `Ours.reading`."""
    return OURS.reading(document_id(session_id), part)


def agent_part(agent_id: str) -> str:
    """Name the part that holds the state of an agent."""
    return f"agent/{spelled(agent_id)}"


def messages_part(agent_id: str) -> str:
    """Name the part that holds the messages of an agent."""
    return f"messages/{spelled(agent_id)}"


def multi_agent_part(id: str) -> str:
    """Name the part that holds the state of a graph or a swarm."""
    return f"multi_agent/{spelled(id)}"


def session_made(session_id: str, taken: Taken) -> Change:
    """Make a session where there is none."""

    def change(parts: Parts) -> Mapping[str, object]:
        if parts.get("session") is not None:
            raise SessionException(f"Session {session_id} already exists")
        return {"session": taken}

    return change


def state_made(session_id: str, part: str, what: str, taken: Taken, others: Mapping[str, object]) -> Change:
    """Make a state where there is none, with other parts."""

    def change(parts: Parts) -> Mapping[str, object]:
        _check_session(parts, session_id)
        if parts.get(part) is not None:
            raise SessionConflictError(f"{what} in session {session_id} exists: another writer made it")
        return {part: taken, **others}

    return change


def state_changed(session_id: str, part: str, what: str, taken: Taken, known: Sequence[str], *, dated: bool) -> Change:
    """Put a state in the place of one whose digest is known, or of any where none is."""

    def change(parts: Parts) -> Mapping[str, object]:
        _check_session(parts, session_id)
        stored = parts.get(part)
        if stored is None:
            raise SessionException(f"{what} in session {session_id} does not exist")
        with reading(session_id, part):
            if stored.get("digest") == taken["digest"]:
                return {}
            if known and stored.get("digest") not in known:
                raise SessionConflictError(f"{what} in session {session_id} was changed by another writer; {AGAIN}")
            return {part: _dated(taken, stored) if dated else taken}

    return change


def message_added(session_id: str, agent_id: str, number: int, taken: Taken, large: Large) -> Change:
    """Add a message behind all others; one that is there already, just so, is left."""

    def change(parts: Parts) -> Mapping[str, object]:
        messages = _messages_in(parts, session_id, agent_id)
        with reading(session_id, messages_part(agent_id)):
            if messages and number <= messages[-1]["value"]["message_id"]:
                at = place(messages, number)
                if at is not None and messages[at] == taken:
                    return {}  # it was asked for again, because its outcome was not known
                raise SessionConflictError(
                    f"Message {number} of agent {agent_id} in session {session_id} is another writer's; {AGAIN}"
                )
            return {**large, messages_part(agent_id): messages + [taken]}  # noqa: RUF005 - copies nothing

    return change


def message_replaced(session_id: str, agent_id: str, number: int, taken: Taken, large: Large) -> Change:
    """Put a message in the place of the one of its number."""

    def change(parts: Parts) -> Mapping[str, object]:
        messages = _messages_in(parts, session_id, agent_id)
        with reading(session_id, messages_part(agent_id)):
            at = place(messages, number)
            if at is None:
                raise SessionException(f"Message {number} does not exist")
            new = [*messages[:at], _dated(taken, messages[at]), *messages[at + 1 :]]
        return {**large, messages_part(agent_id): new}

    return change


def place(messages: Sequence[Taken], number: int) -> int | None:
    """Find the message of a number."""
    at = bisect_left(messages, number, key=lambda taken: taken["value"]["message_id"])
    return at if at < len(messages) and messages[at]["value"]["message_id"] == number else None


def digested(taken: Taken, *, dated: bool) -> Taken:
    """Add the digest of what a state says. That of an agent is dated, and its times say nothing."""
    value = {name: member for name, member in taken["value"].items() if not (dated and name in _TIMES)}
    said = json.dumps([value, taken.get("marks")], sort_keys=True)
    return {**taken, "digest": hashlib.sha256(said.encode()).hexdigest()}


def _check_session(parts: Parts, session_id: str) -> None:
    if parts.get("session") is None:
        raise SessionException(f"Session {session_id} does not exist")


def _messages_in(parts: Parts, session_id: str, agent_id: str) -> Any:
    """Give the messages of an agent, which ``+`` does not copy."""
    _check_session(parts, session_id)
    messages = parts.get(messages_part(agent_id))
    if messages is None:
        raise SessionException(f"Agent {agent_id} in session {session_id} does not exist")
    return messages


def _dated(taken: Taken, stored: Taken) -> Taken:
    """Give a value the time at which the stored one was created."""
    return {**taken, "value": {**taken["value"], "created_at": stored["value"]["created_at"]}}
