"""The session manager of Strands Agents on our repository, with fewer and whole commits."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from strands.hooks import AfterInvocationEvent, BeforeInvocationEvent, HookOrder, HookRegistry
from strands.session import RepositorySessionManager
from strands.types.agent import LocalAgent
from strands.types.content import Message

from ...documents import DocumentStore
from .repository import ObjstoreSessionRepository

Commit: TypeAlias = Literal["answer", "step", "turn"]

_DUE: Final[dict[str, frozenset[str]]] = {
    "answer": frozenset({"toolUse"}),
    "step": frozenset({"toolUse", "toolResult"}),
    "turn": frozenset(),
}
"""What a message has in it that is to be stored before anything else happens."""


class ObjstoreSessionManager(RepositorySessionManager):
    """The session manager of Strands on an objstore, with fewer and whole commits.

    A tool is only run when its call is stored. With ``commit="answer"`` there is one commit for each answer of the
    model, with what led to it; so the result of a tool is stored with what the model says to it. With ``commit="step"``
    the result is stored before the model is asked again, which is one commit more for each round of tools. With
    ``commit="turn"`` a turn is one commit, and after a crash nothing of it is there.

    Args:
        session_id: The session, which is created where there is none.
        documents: Where sessions are kept; see `ObjstoreSessionRepository`.
        commit: When to commit. An invocation that ends, in whatever way, always does.
    """

    def __init__(self, session_id: str, documents: DocumentStore, *, commit: Commit = "answer") -> None:
        if commit not in _DUE:
            raise ValueError(f"commit must be 'answer', 'step' or 'turn', not {commit!r}")
        self._kept = ObjstoreSessionRepository(documents)
        self._due_blocks = _DUE[commit]
        # By their ids, since agents of one session may speak at the same time.
        self._due: set[str] = set()
        self._invoked: set[str] = set()
        super().__init__(session_id, self._kept)

    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """Register the hooks of the base class, and those that know when an invocation begins and ends.

        A hook of somebody else may raise: before an invocation, which then has not begun and does not end, or after it.
        What that one changes the base class writes.
        """
        super().register_hooks(registry, **kwargs)
        registry.add_callback(BeforeInvocationEvent, self._begin, order=HookOrder.SDK_LAST)
        registry.add_callback(AfterInvocationEvent, self._end, order=HookOrder.SDK_FIRST)

    def append_message(self, message: Message, agent: LocalAgent, **kwargs: Any) -> None:
        """Add a message. In an invocation it waits for the commit; a tool that is called by itself has none."""
        if agent.agent_id in self._invoked:
            self._kept.hold(self.session_id)
        super().append_message(message, agent, **kwargs)
        if any(not self._due_blocks.isdisjoint(block) for block in message["content"]):
            self._due.add(agent.agent_id)

    def sync_agent(self, agent: LocalAgent, **kwargs: Any) -> None:
        """Write the state of an agent, if it changed, with the messages that wait where a step is done."""
        super().sync_agent(agent, **kwargs)
        if agent.agent_id in self._due:
            self._due.remove(agent.agent_id)
            self.flush()

    def flush(self) -> None:
        """Commit what waits.

        Raises:
            SessionConflictError: Another writer changed the session; what waited is dropped.
        """
        self._kept.flush(self.session_id)

    def _begin(self, event: BeforeInvocationEvent) -> None:
        self._invoked.add(event.agent.agent_id)

    def _end(self, event: AfterInvocationEvent) -> None:
        self._invoked.discard(event.agent.agent_id)
        self.sync_agent(event.agent)
        self.flush()
