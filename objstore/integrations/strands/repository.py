"""Sessions of Strands Agents in a document store: `strands.session.SessionRepository`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any, Final, TypeVar

from strands.multiagent import MultiAgentBase
from strands.session import SessionRepository
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage, SessionType

from ... import Document
from ...documents import DocumentStore
from ...errors import ConflictError
from ..ours import check_store
from ..spelling import document_id
from ..values import Large, Recent, give, names_in, plain, take
from . import changes
from .changes import OURS, Change, SessionConflictError, Taken, reading
from .edits import Edit, Edits

T = TypeVar("T")

_KNOWN: Final = 65_536
"""Of how many agents it is remembered which state they were in, to notice that somebody else changed it."""


class ObjstoreSessionRepository(SessionRepository):
    """Sessions on any storage that objstore has.

    Every call that writes is one request, and durable when it returns. What is unchanged is not written. Where another
    writer has given away the number of a message, or changed a state since it was read here, that is a
    `SessionConflictError`, and nothing more is written to the session until it is read again. So each worker has a
    repository of its own; they may share the documents.

    Args:
        documents: Where they are kept. Give it a place of its own: all that lies there is taken for sessions.
        cache_bytes: How much of the large values that were seen last is kept in memory.
    """

    def __init__(self, documents: DocumentStore, *, cache_bytes: int = 64 * 1024 * 1024) -> None:
        check_store(documents, DocumentStore, "a session of Strands")
        self._documents = documents
        self._large: Recent[str | bytes] = Recent(cache_bytes, len)
        # The digest of the state that is there, and of those that may be by now, since the storage failed over them.
        self._known: Recent[tuple[str, ...]] = Recent(_KNOWN, lambda _: 1)
        # The number behind the last message, of agents whose manager was shown none of those that are there.
        self._next: Recent[int] = Recent(_KNOWN, lambda _: 1)
        self._edits = Edits(documents)

    # Sessions.

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Create a session.

        Raises:
            SessionException: There is one.
        """
        taken = take(dataclasses.asdict(session), "the session")
        change = changes.session_made(session.session_id, taken)
        self._edits.add(document_id(session.session_id), Edit(object(), change))
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Read a session; ``None`` where there is none. From here on this repository may write to it again."""
        self._edits.begin(document_id(session_id))
        taken = self._read(session_id, "session")
        if taken is None:
            return None
        with reading(session_id, "session"):
            session = _made(Session, give(taken, {}))
        try:
            session.session_type = SessionType(session.session_type)
        except ValueError:  # which says what stands there
            raise OURS.garbled(document_id(session_id), "session.session_type", "it is none that is known") from None
        return session

    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with all that is in it.

        Raises:
            SessionException: There is none, or another writer changed it meanwhile.
        """
        document = self._documents.load(document_id(session_id), parts=())
        if document is None:
            raise SessionException(f"Session {session_id} does not exist")
        try:
            self._documents.delete(document_id(session_id), base=document.revision)
        except ConflictError as error:
            raise SessionConflictError(f"Session {session_id} was changed while it was to be deleted") from error
        self._edits.forget(document_id(session_id))

    # Agents and what is made of several.

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Create an agent in a session.

        Raises:
            SessionException: There is no such session, or another agent of this name in it.
        """
        part, what = changes.agent_part(session_agent.agent_id), f"Agent {session_agent.agent_id}"
        messages: dict[str, object] = {changes.messages_part(session_agent.agent_id): []}
        self._next.forget(_log(session_id, session_agent.agent_id))
        self._make(session_id, part, what, dataclasses.asdict(session_agent), messages, dated=True)

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Read the state of an agent; ``None`` where there is none."""
        part = changes.agent_part(agent_id)
        state = self._read_state(session_id, part)
        if state is None:
            return None
        with reading(session_id, part):
            agent = _made(SessionAgent, state)
        if agent.agent_id != agent_id:  # what is asked of that agent would be asked in vain
            raise OURS.garbled(document_id(session_id), f"{part}.agent_id", "it is another one's")
        return agent

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Write the state of an agent, if it changed.

        Raises:
            SessionException: There is no such agent, or another writer changed it.
        """
        part, what = changes.agent_part(session_agent.agent_id), f"Agent {session_agent.agent_id}"
        self._change(session_id, part, what, dataclasses.asdict(session_agent), dated=True)

    def create_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Create the state of a graph or a swarm in a session; see `create_agent`."""
        part, what = changes.multi_agent_part(multi_agent.id), f"MultiAgent {multi_agent.id}"
        self._make(session_id, part, what, multi_agent.serialize_state(), {}, dated=False)

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Read the state of a graph or a swarm; ``None`` where there is none."""
        return self._read_state(session_id, changes.multi_agent_part(multi_agent_id))

    def update_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Write the state of a graph or a swarm, if it changed; see `update_agent`."""
        part, what = changes.multi_agent_part(multi_agent.id), f"MultiAgent {multi_agent.id}"
        self._change(session_id, part, what, multi_agent.serialize_state(), dated=False)

    def _read_state(self, session_id: str, part: str) -> dict[str, Any] | None:
        taken = self._read(session_id, part)
        if taken is None:
            return None
        with reading(session_id, part):
            state: dict[str, Any] = give(taken, {})
            self._known.put(f"{document_id(session_id)}/{part}", (taken["digest"],))
        return state

    def _make(
        self, session_id: str, part: str, what: str, state: object, others: Mapping[str, object], *, dated: bool
    ) -> None:
        taken = changes.digested(take(state, what), dated=dated)
        self._put(session_id, part, taken, changes.state_made(session_id, part, what, taken, others))

    def _change(self, session_id: str, part: str, what: str, state: object, *, dated: bool) -> None:
        id, taken = document_id(session_id), changes.digested(take(state, what), dated=dated)
        known = self._known.get(f"{id}/{part}") or ()
        if known != (taken["digest"],) or self._edits.waiting(id, part):
            change = changes.state_changed(session_id, part, what, taken, known, dated=dated)
            self._put(session_id, part, taken, change)

    def _put(self, session_id: str, part: str, taken: Taken, change: Change) -> None:
        id, digest = document_id(session_id), taken["digest"]
        key = f"{id}/{part}"

        def unsure() -> None:
            known = self._known.get(key)
            if known and digest not in known:
                self._known.put(key, (*known, digest))

        self._edits.add(id, Edit(part, change, lambda: self._known.put(key, (digest,)), unsure))

    # Messages.

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Add a message to the end of an agent's.

        A manager whose window holds nothing of what is there begins at 0 again; its message is given the next number.

        Raises:
            SessionException: There is no such agent, or another message of this number or a later one.
        """
        if session_message.message_id == 0:
            session_message.message_id = self._next.get(_log(session_id, agent_id)) or 0
        self._put_message(session_id, agent_id, session_message, changes.message_added)

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Read a message; ``None`` where there is none."""
        part = changes.messages_part(agent_id)
        messages = self._view(session_id, part) or []
        number = _number(message_id)
        with reading(session_id, part):
            at = changes.place(messages, number)
        return None if at is None else self._given(session_id, part, [messages[at]])[0]

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Replace a message, as a guardrail does that redacts it.

        Raises:
            SessionException: There is no such message.
        """
        self._put_message(session_id, agent_id, session_message, changes.message_replaced)

    def _put_message(
        self,
        session_id: str,
        agent_id: str,
        message: SessionMessage,
        put: Callable[[str, str, int, Taken, Large], Change],
    ) -> None:
        number, large = _number(message.message_id), Large()
        change = put(session_id, agent_id, number, take(dataclasses.asdict(message), f"message {number}", large), large)
        self._edits.add(document_id(session_id), Edit(object(), change, lambda: self._keep(large)))

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Read the messages of an agent from a place on, all at once.

        Raises:
            SessionException: There is no such agent.
        """
        read = self._read if limit is None and not offset else self._view
        part = changes.messages_part(agent_id)
        messages = read(session_id, part)
        if messages is None:
            raise SessionException(f"Agent {agent_id} in session {session_id} does not exist")
        wanted = slice(index(offset), None if limit is None else index(offset + limit))
        with reading(session_id, part):
            page = messages[wanted]
            if messages and not page and limit is None:
                self._next.put(_log(session_id, agent_id), messages[-1]["value"]["message_id"] + 1)
        return self._given(session_id, part, page)

    def _given(self, session_id: str, part: str, found: Sequence[Taken]) -> list[SessionMessage]:
        with reading(session_id, part):
            messages = [message if type(message) is dict else plain(message) for message in found]
            names = names_in(messages)
            large = {name: value for name in names if (value := self._large.get(name)) is not None}
        missing = [name for name in names if name not in large]
        if missing:
            document = self._documents.load(document_id(session_id), parts=missing)
            read: Any = document.parts if document else {}
            if any(read.get(name) is None for name in missing):
                now = self._view(session_id, part) or ()
                if all(message in now for message in messages):
                    raise OURS.garbled(document_id(session_id), part, "a large value is missing")
                raise SessionException(f"Session {session_id} was deleted while it was read")
            with reading(session_id, part):
                self._keep(read)
            large |= read
        with reading(session_id, part):
            return [_made(SessionMessage, give(message, large)) for message in messages]

    # Reading and writing.

    def hold(self, session_id: str) -> None:
        """Let what is written to a session wait for `flush`, to be one commit."""
        self._edits.hold(document_id(session_id))

    def flush(self, session_id: str) -> None:
        """Commit what waits. Where the storage fails it waits on.

        Raises:
            SessionConflictError: Another writer was faster; what waited is dropped.
        """
        self._edits.flush(document_id(session_id))

    def _read(self, session_id: str, part: str) -> Any:
        self.flush(session_id)
        return self._part(session_id, part, self._documents.load(document_id(session_id), parts=(part,)))

    def _view(self, session_id: str, part: str) -> Any:
        """Read to look at only: to copy a long list for some of its items would cost more than all the rest."""
        self.flush(session_id)
        return self._part(session_id, part, self._documents.view(document_id(session_id), parts=(part,)))

    def _part(self, session_id: str, part: str, document: Document | None) -> Any:
        if document is None:
            return None
        OURS.check(document_id(session_id), document.names)
        return document.parts[part]

    def _keep(self, large: Mapping[str, str | bytes]) -> None:
        for name, value in large.items():
            self._large.put(name, value)


def _log(session_id: str, agent_id: str) -> str:
    return f"{document_id(session_id)}/{changes.messages_part(agent_id)}"


def _number(message_id: object) -> int:
    if not isinstance(message_id, int):
        raise ValueError(f"message_id=<{message_id}> | message id must be an integer")
    return message_id


def _made(kind: Callable[..., T], value: Mapping[str, Any]) -> T:
    names = {known.name for known in dataclasses.fields(kind)}  # type: ignore[arg-type] # it is a dataclass
    return kind(**{name: member for name, member in value.items() if name in names})
