"""The session manager of Strands Agents on our repository, with fewer and whole commits."""

from __future__ import annotations

from typing import Any, Literal

from strands.hooks import AfterInvocationEvent, BeforeInvocationEvent, HookRegistry
from strands.session import RepositorySessionManager
from strands.types.agent import LocalAgent
from strands.types.content import Message

from ...documents import DocumentStore
from .repository import ObjstoreSessionRepository


class ObjstoreSessionManager(RepositorySessionManager):
    """The session manager of Strands on an objstore, with fewer and whole commits.

    With ``commit="step"`` a tool is only run when its call is stored, and its result is stored before the model is
    asked again: a turn without tools is one commit, and each round of tools two more. With ``commit="turn"`` a turn is
    one commit, and after a crash nothing of it is there.

    Args:
        session_id: The session, which is created where there is none.
        documents: Where sessions are kept; see `ObjstoreSessionRepository`.
        commit: When to commit. An invocation that ends, in whatever way, always does.
    """

    def __init__(self, session_id: str, documents: DocumentStore, *, commit: Literal["step", "turn"] = "step") -> None:
        if commit not in ("step", "turn"):
            raise ValueError(f"commit must be 'step' or 'turn', not {commit!r}")
        self._kept = ObjstoreSessionRepository(documents)
        self._by_steps = commit == "step"
        self._due = False
        self._invoked: set[str] = set()  # agents
        super().__init__(session_id, self._kept)

    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """Register the hooks of the base class, and those that know when an invocation begins and ends."""
        super().register_hooks(registry, **kwargs)
        registry.add_callback(BeforeInvocationEvent, self._begin)
        registry.add_callback(AfterInvocationEvent, self._end)

    def append_message(self, message: Message, agent: LocalAgent, **kwargs: Any) -> None:
        """Add a message. In an invocation it waits for the commit; a tool that is called by itself has none."""
        if agent.agent_id in self._invoked:
            self._kept.hold(self.session_id)
        super().append_message(message, agent, **kwargs)
        self._due = self._by_steps and any("toolUse" in block or "toolResult" in block for block in message["content"])

    def sync_agent(self, agent: LocalAgent, **kwargs: Any) -> None:
        """Write the state of an agent, if it changed, with the messages that wait where a step is done."""
        super().sync_agent(agent, **kwargs)
        if self._due:
            self.flush()

    def flush(self) -> None:
        """Commit what waits.

        Raises:
            SessionConflictError: Another writer changed the session; what waited is dropped.
        """
        self._due = False
        self._kept.flush(self.session_id)

    def _begin(self, event: BeforeInvocationEvent) -> None:
        self._invoked.add(event.agent.agent_id)

    def _end(self, event: AfterInvocationEvent) -> None:
        self._invoked.discard(event.agent.agent_id)
        self.sync_agent(event.agent)
        self.flush()
