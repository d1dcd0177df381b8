"""pydantic-ai: conversations in a document store, as a `pydantic_ai.conversation_store.ConversationStore`.

`stored` says what lies in a document, and `conversations` reads and writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

try:
    from pydantic_ai.conversation import Conversation
    from pydantic_ai.conversation_store import ConversationEntry, ConversationRecord, ConversationStore
    from pydantic_ai.run import AgentRunResult
except ImportError as error:
    raise ImportError("pydantic-ai is not installed, or too old: pip install 'objstore[pydantic-ai]'") from error

from ...aio_documents import AsyncDocumentStore
from ..ours import check_store
from .conversations import Conversations

__all__ = ["ObjstoreConversationStore"]


class ObjstoreConversationStore(ConversationStore):
    """Conversations on any storage that objstore has, with a history of every save.

    A save is one request, and conflicts with every other save of the conversation since, in this process or another. A
    fork gets a copy of the entries that it shares, so deleting a conversation deletes its entries.

    Args:
        documents: Where they are kept. Give it a place of its own: all that lies there is taken for conversations.
        purge: Whether `delete` erases older commits at once. Otherwise they go when the store is collected.
        cache_bytes: How much of the large values that were seen last is kept in memory.
    """

    def __init__(
        self, documents: AsyncDocumentStore, *, purge: bool = False, cache_bytes: int = 64 * 1024 * 1024
    ) -> None:
        check_store(documents, AsyncDocumentStore, "ObjstoreConversationStore")
        # One attribute, and functions around it: the base class has private names of its own.
        self._conversations = Conversations(documents, purge=purge, cache_bytes=cache_bytes)

    # What the base class does with the primitives below: as one call that sees one commit of each conversation.

    async def load(
        self, conversation_id: str, *, limit: int | None = None, scope: str | None = None
    ) -> Conversation | None:
        """Load a conversation; see `ConversationStore.load`. One request where nothing is new."""
        with self._conversations.call(conversation_id, tail=limit is not None):
            return await super().load(conversation_id, limit=limit, scope=scope)

    async def load_entries(
        self, conversation_id: str, *, limit: int | None = None, scope: str | None = None
    ) -> list[ConversationEntry] | None:
        """Load a history with its entries; see `ConversationStore.load_entries`."""
        with self._conversations.call(conversation_id, tail=limit is not None):
            return await super().load_entries(conversation_id, limit=limit, scope=scope)

    async def save(
        self, conversation: Conversation | AgentRunResult[Any], *, scope: str | None = None
    ) -> list[ConversationEntry]:
        """Save a conversation; see `ConversationStore.save`. One request where this store saw its newest revision."""
        whole = conversation.conversation if isinstance(conversation, AgentRunResult) else conversation
        with self._conversations.call(
            whole.conversation_id, saving=True, expected=whole.revision, messages=tuple(whole.messages)
        ):
            return await super().save(conversation, scope=scope)

    async def branch(
        self,
        conversation_id: str,
        *,
        at: int | None = None,
        from_entry: str | None = None,
        expected_revision: str | None,
        scope: str | None = None,
    ) -> Conversation:
        """Continue a conversation from an earlier point; see `ConversationStore.branch`."""
        with self._conversations.call(conversation_id):
            return await super().branch(
                conversation_id, at=at, from_entry=from_entry, expected_revision=expected_revision, scope=scope
            )

    async def fork(
        self,
        conversation_id: str,
        *,
        at: int | None = None,
        from_entry: str | None = None,
        new_conversation_id: str | None = None,
        scope: str | None = None,
        source_scope: str | None = None,
    ) -> Conversation:
        """Start a conversation from another one's history; see `ConversationStore.fork`."""
        with self._conversations.call(conversation_id):
            return await super().fork(
                conversation_id,
                at=at,
                from_entry=from_entry,
                new_conversation_id=new_conversation_id,
                scope=scope,
                source_scope=source_scope,
            )

    # The primitives.

    async def read_record(self, conversation_id: str) -> ConversationRecord | None:
        """Read the record of a conversation; ``None`` where there is none."""
        return deepcopy(await self._conversations.record(conversation_id))

    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        """Read the records of all conversations, or of those of a scope, the newest first."""
        records = [r async for r in self._conversations.records() if scope is None or r.scope == scope]
        return sorted(records, key=lambda record: record.updated_at, reverse=True)[:limit]

    async def write_record(
        self,
        record: ConversationRecord,
        *,
        new_entries: Sequence[ConversationEntry] = (),
        expected_revision: str | None,
    ) -> None:
        """Store a record and entries in one commit; see `ConversationStore.write_record`."""
        await self._conversations.write(record, new_entries, expected_revision)

    async def delete_record(self, conversation_id: str, *, expected_revision: str) -> None:
        """Delete a conversation and its entries; see `ConversationStore.delete_record`."""
        await self._conversations.delete(conversation_id, expected_revision)

    async def read_entry(self, entry_id: str) -> ConversationEntry:
        """Read an entry. To find it all conversations may have to be read: `load_entries` knows where to look.

        Raises:
            KeyError: There is no such entry.
        """
        (entry,) = await self.read_history(entry_id, limit=1)
        return entry

    async def read_history(self, head_id: str | None, *, limit: int | None = None) -> list[ConversationEntry]:
        """Read the entries up to one, or the last of them, all at once; see `ConversationStore.read_history`.

        Raises:
            KeyError: There is no such entry.
        """
        return [] if head_id is None or limit == 0 else await self._conversations.history(head_id, limit)
