"""Agents of Strands in processes of their own, below python -m tests.integrations.strands.worker.

``STORE MANAGER WHERE`` is one that dies in the middle of a turn, ``STORE MANAGER NAME TURNS OPTIONS`` one of several
workers, with the options of the storage as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from strands import tool
from strands.session import RepositorySessionManager
from strands.types.content import Messages
from strands.types.exceptions import EventLoopException, SessionException

from objstore import DocumentStore
from objstore.integrations.strands import ObjstoreSessionManager, ObjstoreSessionRepository
from tests.integrations.strands.model import scripted_agent, tools_first

DIED = 9


def manager(kind: str, documents: DocumentStore) -> Any:
    """Make the session manager of a kind: ours by answers, steps or turns, or that of Strands."""
    if kind == "stock":
        return RepositorySessionManager("s", ObjstoreSessionRepository(documents))
    commit: Any = kind
    return ObjstoreSessionManager("s", documents, commit=commit)


def work(target: str, kind: str, name: str, turns: int, options: dict[str, Any]) -> None:
    """Run turns, each again in the session as it is then where it came too late."""
    documents = DocumentStore(target, storage_options=options)
    for n in range(turns):
        while True:
            try:
                scripted_agent(manager(kind, documents))(f"{name} {n}")
            except (SessionException, EventLoopException):
                continue
            break


def main() -> None:
    """Run one whole turn, and die in the second one: while the tool runs, or when it has run."""
    if len(sys.argv) == 6:
        return work(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), json.loads(sys.argv[5]))
    target, kind, where = sys.argv[1:]
    turns = 0

    @tool
    def run(command: str) -> str:
        """Run a command."""
        if turns == 2 and where == "in the tool":
            os._exit(DIED)
        return command

    def respond(messages: Messages) -> Any:
        if turns == 2 and where == "after the tool" and any("toolResult" in b for b in messages[-1]["content"]):
            os._exit(DIED)
        return tools_first(messages)

    agent = scripted_agent(manager(kind, DocumentStore(target)), respond, tools=[run])
    for _ in range(2):
        turns += 1
        agent(f"turn {turns}")
    return None


if __name__ == "__main__":
    main()
