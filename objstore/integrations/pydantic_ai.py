"""Conversations of pydantic-ai in a document store: `pydantic_ai.conversation_store.ConversationStore`.

A conversation is a document. Its parts are ``summary``, the record; ``entries``, the log, in the order in which its
entries came; and one part for each large value of the messages. A save is one commit, so a conflict leaves nothing
behind, and a call that reads a record and a history reads both of one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

try:
    from pydantic_ai.conversation import Conversation
    from pydantic_ai.conversation_store import (
        ConversationConflict,
        ConversationEntry,
        ConversationRecord,
        ConversationStore,
    )
    from pydantic_ai.run import AgentRunResult
except ImportError as error:
    raise ImportError("pydantic-ai is not installed, or too old: pip install 'objstore[pydantic-ai]'") from error

from ..aio_documents import AsyncDocumentStore
from ..documents import DocumentSummary
from ..errors import ConflictError, FormatError
from ..models import Revision
from .spelling import spelled
from .values import Large, Recent, give, names_in, take

T = TypeVar("T")

Entry = Mapping[str, Any]
"""An entry as it was taken down."""

_RECORD: Final = TypeAdapter(ConversationRecord)
_ENTRY: Final = TypeAdapter(ConversationEntry)

_RECORDS: Final = 1024
"""How many of the newest records are remembered."""

_AT_ONCE: Final = 32


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
        # One attribute, and functions around it: the base class has private names of its own.
        self._conversations = _Conversations(documents, purge, cache_bytes)

    # What the base class does with the primitives below, as one call that sees one commit.

    async def load(
        self, conversation_id: str, *, limit: int | None = None, scope: str | None = None
    ) -> Conversation | None:
        """Load a conversation; see `ConversationStore.load`. One request where nothing is new."""
        with self._conversations.call(conversation_id):
            return await super().load(conversation_id, limit=limit, scope=scope)

    async def load_entries(
        self, conversation_id: str, *, limit: int | None = None, scope: str | None = None
    ) -> list[ConversationEntry] | None:
        """Load a history with its entries; see `ConversationStore.load_entries`."""
        with self._conversations.call(conversation_id):
            return await super().load_entries(conversation_id, limit=limit, scope=scope)

    async def save(
        self, conversation: Conversation | AgentRunResult[Any], *, scope: str | None = None
    ) -> list[ConversationEntry]:
        """Save a conversation; see `ConversationStore.save`. One request where this store saw its newest revision."""
        whole = conversation.conversation if isinstance(conversation, AgentRunResult) else conversation
        with self._conversations.call(whole.conversation_id, whole.revision):
            return await super().save(conversation, scope=scope)

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
        return [] if head_id is None else await self._conversations.history(head_id, limit)


@dataclass(frozen=True, slots=True)
class _Held:
    """A conversation as it was read, with its entries by their ids."""

    document_id: str
    record: ConversationRecord
    revision: Revision
    entries: dict[str, Entry]


@dataclass(slots=True)
class _Call:
    """One call that reads more than once.

    Attributes:
        expected: The revision that a save stands on; whether it is the newest one its write finds out.
        held: What the call has read, by document.
    """

    owner: _Conversations
    document_id: str
    expected: str | None
    held: dict[str, _Held] = field(default_factory=dict)


_CALL: Final[ContextVar[_Call | None]] = ContextVar("objstore_conversation_call", default=None)


class _LackingError(Exception):
    """A record or an entry that is to be written names entries that its conversation does not have."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(ids)
        self.ids = ids


class _Conversations:
    """The documents of the conversations, and what was seen of them."""

    def __init__(self, documents: AsyncDocumentStore, purge: bool, cache_bytes: int) -> None:  # noqa: FBT001 - passed on
        self.documents = documents
        self.purge = purge
        self.newest: Recent[ConversationRecord] = Recent(_RECORDS, lambda _: 1)
        self.large: Recent[str | bytes] = Recent(cache_bytes, len)

    @contextmanager
    def call(self, conversation_id: str, expected: str | None = None) -> Iterator[None]:
        """Let what is done inside see one commit of each conversation."""
        token = _CALL.set(_Call(self, _document_id(conversation_id), expected))
        try:
            yield
        finally:
            _CALL.reset(token)

    @property
    def current(self) -> _Call | None:
        """The call that is being made, if any."""
        call = _CALL.get()
        return call if call and call.owner is self else None

    async def record(self, conversation_id: str) -> ConversationRecord | None:
        """Read a record; in a save, if the one that it stands on is remembered, that one."""
        id, call = _document_id(conversation_id), self.current
        remembered = self.newest.get(id)
        if call and call.expected and remembered and remembered.revision == call.expected:
            return remembered
        held = await self.read(id, entries=call is not None and call.expected is None)
        return held.record if held else None

    async def read(self, id: str, *, entries: bool = True) -> _Held | None:
        """Read a conversation anew."""
        document = await self.documents.load(id, parts=("summary", "entries") if entries else ("summary",))
        if document is None:
            self.newest.forget(id)
            return None
        parts: Mapping[str, Any] = document.parts
        held = _Held(
            id, _record(id, parts["summary"]), document.revision, {_id(e): e for e in parts.get("entries") or ()}
        )
        self.newest.put(id, held.record)
        if entries and (call := self.current):
            call.held[id] = held
        return held

    async def records(self) -> AsyncIterator[ConversationRecord]:
        """Read all records from the listing, and from their documents those that are too big for it."""
        summaries = await self.documents.summaries()
        for start in range(0, len(summaries), _AT_ONCE):
            page = summaries[start : start + _AT_ONCE]
            for taken, found in zip(await asyncio.gather(*map(self.listed, page)), page, strict=True):
                if taken is not None:
                    yield _record(found.id, taken)

    async def listed(self, found: DocumentSummary) -> Any:
        """Give the record of a conversation as it was taken down; ``None`` where it was deleted meanwhile."""
        if found.summary is not None:
            return found.summary
        document = await self.documents.load(found.id, parts=("summary",))
        return document.parts["summary"] if document else None

    async def write(
        self, record: ConversationRecord, new_entries: Sequence[ConversationEntry], expected: str | None
    ) -> None:
        """Store a record and new entries, with those of other conversations that they stand on."""
        id, large = _document_id(record.conversation_id), Large()
        summary = take(_RECORD.dump_python(record), "the record")
        added = [take(_ENTRY.dump_python(entry), f"the message {entry.id}", large) for entry in new_entries]
        needed = dict.fromkeys([*(entry.parent_id for entry in new_entries), record.head_id])
        borrowed: list[Entry] = []

        def change(parts: Mapping[str, Any]) -> Mapping[str, object]:
            before = parts["summary"]["value"] if parts.get("summary") else None
            if (before and before["revision"]) != expected:
                raise ConversationConflict(record.conversation_id)
            entries = parts.get("entries", ())
            outside = needed.keys() - {None, before and before["head_id"], *map(_id, borrowed), *map(_id, added)}
            if outside and (outside := outside - {_id(entry) for entry in entries}):
                raise _LackingError([entry_id for entry_id in needed if entry_id in outside and entry_id is not None])
            known = {_id(entry) for entry in entries} if borrowed else {}
            lacked = {_id(entry): entry for entry in borrowed if _id(entry) not in known}
            return {**large, "summary": summary, "entries": [*entries, *lacked.values(), *added]}

        fresh = False
        while True:
            try:
                await self.documents.update(id, change)
                break
            except _LackingError as error:
                borrowed += await self.borrow(error.ids, record, large)
            except ConversationConflict:
                if fresh:
                    self.newest.forget(id)
                    raise
                await self.documents.load(id, parts=())  # what the document store remembers may be old
                fresh = True
        self.newest.put(id, deepcopy(record))
        for name, value in large.items():
            self.large.put(name, value)

    async def borrow(self, ids: Iterable[str], record: ConversationRecord, large: Large) -> list[Entry]:
        """Copy the entries up to some out of the conversations that have them."""
        found: list[Entry] = []
        for id in ids:
            try:
                held, chain = await self.chain(id, None, record.forked_from)
                large |= await self.large_of(held, chain)
            except KeyError as error:
                raise ConversationConflict(record.conversation_id) from error
            found += chain
        return found

    async def delete(self, conversation_id: str, expected: str) -> None:
        """Delete the document of a conversation."""
        id = _document_id(conversation_id)
        held = await self.read(id, entries=False)
        if held is None or held.record.revision != expected:
            raise ConversationConflict(conversation_id)
        self.newest.forget(id)
        try:
            await self.documents.delete(id, base=held.revision, purge=self.purge)
        except ConflictError as error:
            raise ConversationConflict(conversation_id) from error

    async def history(self, head_id: str, limit: int | None) -> list[ConversationEntry]:
        """Read the entries up to one."""
        held, chain = await self.chain(head_id, limit)
        large = await self.large_of(held, chain)
        return [_valid(_ENTRY, give(entry, large), held.document_id) for entry in chain]

    async def chain(
        self, head_id: str, limit: int | None, conversation_id: str | None = None
    ) -> tuple[_Held, list[Entry]]:
        """Find the entries up to one, or the last of them, in a conversation that has it, perhaps a certain one."""
        async for held in self.that_may_have(head_id, conversation_id):
            if head_id in held.entries:
                chain: list[Entry] = []
                at: str | None = head_id
                while at is not None and (limit is None or len(chain) < limit):
                    chain.append(held.entries[at])
                    at = held.entries[at]["value"]["parent_id"]
                return held, chain[::-1]
        raise KeyError(head_id)

    async def that_may_have(self, entry_id: str, conversation_id: str | None) -> AsyncIterator[_Held]:
        """Read conversations that may have an entry, the likely ones first, and at last all of them."""
        call = self.current
        likely = [*call.held, call.document_id] if call else []
        likely += [] if conversation_id is None else [_document_id(conversation_id)]
        likely += [
            _document_id(r.conversation_id) for r in self.newest.values() if entry_id in (r.head_id, *r.branches)
        ]
        likely = list(dict.fromkeys(likely))
        for id in likely:
            if held := (call and call.held.get(id)) or await self.read(id):
                yield held
        for id in await self.documents.list():
            if id not in likely and (held := await self.read(id)):
                yield held

    async def large_of(self, held: _Held, chain: Iterable[Entry]) -> Large:
        """Give the large values of some entries."""
        names = names_in(chain)
        found: Large = {name: value for name in names if (value := self.large.get(name)) is not None}
        missing = [name for name in names if name not in found]
        document = await self.documents.load(held.document_id, parts=missing) if missing else None
        for name in missing:
            read: Any = document.parts[name] if document else None
            if not isinstance(read, str | bytes):  # the conversation was deleted since
                raise KeyError(name)
            self.large.put(name, read)
            found[name] = read
        return found


def _document_id(conversation_id: str) -> str:
    return spelled(conversation_id) or "%"  # which spells nothing else


def _id(entry: Entry) -> str:
    id: str = entry["value"]["id"]
    return id


def _record(id: str, taken: Any) -> ConversationRecord:
    if not isinstance(taken, Mapping) or "value" not in taken:
        raise FormatError(f"the document {id!r} holds no conversation; give them a place of their own", id)
    return _valid(_RECORD, give(taken, {}), id)


def _valid(adapter: TypeAdapter[T], value: object, id: str) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"])
        raise FormatError(
            f"the conversation in {id!r} is whole, but not of the form of this pydantic-ai (at {where}); a newer one "
            "may have written it",
            id,
        ) from None
