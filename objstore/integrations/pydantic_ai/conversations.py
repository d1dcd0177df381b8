"""How conversations are read from a document store and written to it.

A conversation is a document (`stored` says what is in it). A save is one commit, so a conflict leaves nothing behind,
and a call that reads a record and a history reads both of one commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_ai.conversation_store import ConversationConflict, ConversationEntry, ConversationRecord
from pydantic_ai.messages import ModelMessage

from ...aio_documents import AsyncDocumentStore
from ...errors import ConflictError, ObjstoreError
from ..spelling import document_id
from ..summaries import summaries
from ..values import Large, Recent, names_in, plain, take
from .stored import OURS, RECORD, Entry, Held, entry_of, id_of, record_of, stand, take_entry, with_given

_RECORDS: Final = 1024
"""How many of the newest records are remembered."""


@dataclass(slots=True)
class _Call:
    """One call that reads more than once.

    Attributes:
        saving: Whether it is a save. What that stands on its caller says, and its write finds out whether that is so.
        expected: The revision that a save stands on; ``None`` where there should be none.
        tail: Whether it is about the last entries only.
        messages: What a save saves.
        held: What the call has read, by document.
    """

    owner: Conversations
    document_id: str
    saving: bool
    expected: str | None
    tail: bool
    messages: Sequence[ModelMessage]
    held: dict[str, Held] = field(default_factory=dict)


_CALL: Final[ContextVar[_Call | None]] = ContextVar("objstore_conversation_call", default=None)


class _LackingError(Exception):
    """A record or an entry that is to be written names entries that its conversation does not have."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(ids)
        self.ids = ids


class Conversations:
    """The documents of the conversations, and what was seen of them."""

    def __init__(self, documents: AsyncDocumentStore, *, purge: bool, cache_bytes: int) -> None:
        self.documents = documents
        self.purge = purge
        self.newest: Recent[ConversationRecord] = Recent(_RECORDS, lambda _: 1)
        self.large: Recent[str | bytes] = Recent(cache_bytes, len)

    @contextmanager
    def call(
        self,
        conversation_id: str,
        *,
        saving: bool = False,
        expected: str | None = None,
        tail: bool = False,
        messages: Sequence[ModelMessage] = (),
    ) -> Iterator[None]:
        """Let what is done inside see one commit of each conversation.

        Where an entry is missing that a conversation stands on, or a large value of one, the base class lets a
        `KeyError` out, and not only because somebody deleted it meanwhile; that becomes an error with more to say.
        """
        id = document_id(conversation_id)
        token = _CALL.set(_Call(self, id, saving, expected, tail, messages))
        try:
            yield
        except ObjstoreError:
            raise
        except KeyError:  # which names it
            raise OURS.garbled(id, "entries", "one is missing") from None
        finally:
            _CALL.reset(token)

    @property
    def current(self) -> _Call | None:
        """The call that is being made, if any."""
        call = _CALL.get()
        return call if call and call.owner is self else None

    async def record(self, conversation_id: str) -> ConversationRecord | None:
        """Read a record; in a save, if the one that it stands on is known, that one."""
        id, call = document_id(conversation_id), self.current
        if call and call.saving:
            remembered = self.newest.get(id)
            if call.expected is None or (remembered and remembered.revision == call.expected):
                return None if call.expected is None else remembered
        held = await self.read(id, entries=call is not None and not call.saving)
        return held.record if held else None

    async def read(self, id: str, *, entries: bool = True) -> Held | None:
        """Read a conversation anew."""
        call = self.current
        wanted = ("summary", "entries") if entries else ("summary",)
        if call and call.tail:  # to copy a long history for its end would cost more than all the rest
            document = await self.documents.view(id, parts=wanted)
        else:
            document = await self.documents.load(id, parts=wanted)
        if document is None:
            self.newest.forget(id)
            return None
        parts: Mapping[str, Any] = document.parts
        record = await self.decoded(id, parts["summary"])
        if document_id(record.conversation_id) != id:  # what is asked of that conversation would be asked in vain
            raise OURS.garbled(id, "summary.conversation_id", "it is another one's")
        held = Held(id, record, document.revision, parts.get("entries") or ())
        self.newest.put(id, held.record)
        if call and entries:
            call.held[id] = held
        return held

    async def decoded(self, id: str, taken: Any) -> ConversationRecord:
        """Make a record of what was taken down of it."""
        if not isinstance(taken, Mapping) or "value" not in taken:
            raise OURS.other(id)
        taken = plain(taken)
        try:
            large = await self.large_of(id, [taken])
        except KeyError:
            raise OURS.garbled(id, "summary", "a large value is missing") from None
        return record_of(id, taken, large)

    async def records(self) -> AsyncIterator[ConversationRecord]:
        """Read all records."""
        async for id, taken in summaries(self.documents):
            yield await self.decoded(id, taken)

    async def write(
        self, record: ConversationRecord, new_entries: Sequence[ConversationEntry], expected: str | None
    ) -> None:
        """Store a record and new entries, with those of other conversations that they stand on."""
        id, large = document_id(record.conversation_id), Large()
        summary = take(RECORD.dump_python(record), "the record", large)
        added = [take_entry(entry, large) for entry in new_entries]
        needed = dict.fromkeys([*(entry.parent_id for entry in new_entries), record.head_id])
        borrowed: list[Entry] = []
        if expected is None:  # it is new, and has no entries to stand on
            own = {*map(id_of, added)}
            borrowed += await self.borrow([i for i in needed if i is not None and i not in own], record, large)

        def change(parts: Mapping[str, Any]) -> Mapping[str, object]:
            OURS.check(id, parts)
            revision, head_id = stand(id, parts.get("summary"))
            if revision != expected:
                raise ConversationConflict(record.conversation_id)
            entries = parts.get("entries", [])
            outside = needed.keys() - {None, head_id, *map(id_of, borrowed), *map(id_of, added)}
            known = set(OURS.each(id, "entries", entries, id_of)) if outside or borrowed else set()
            if outside - known:
                raise _LackingError(
                    [entry_id for entry_id in needed if entry_id in outside - known and entry_id is not None]
                )
            lacked = {id_of(entry): entry for entry in borrowed if id_of(entry) not in known}
            new = [*lacked.values(), *added]
            with OURS.reading(id, "entries"):
                return {**large, "summary": summary, "entries": entries + new}

        while True:
            try:
                await self.documents.update(id, change)
                break
            except _LackingError as error:
                borrowed += await self.borrow(error.ids, record, large)
            except ConversationConflict:
                self.newest.forget(id)
                raise
        self.newest.put(id, deepcopy(record))
        for name, value in large.items():
            self.large.put(name, value)

    async def borrow(self, ids: Iterable[str], record: ConversationRecord, large: Large) -> list[Entry]:
        """Copy the entries up to some out of the conversations that have them."""
        found: list[Entry] = []
        for id in ids:
            try:
                held, chain = await self.chain(id, None, record.forked_from)
                large |= await self.large_of(held.document_id, chain)
            except KeyError:
                raise ConversationConflict(record.conversation_id) from None
            found += chain
        return found

    async def delete(self, conversation_id: str, expected: str) -> None:
        """Delete the document of a conversation."""
        id = document_id(conversation_id)
        held = await self.read(id, entries=False)
        if held is None or held.record.revision != expected:
            raise ConversationConflict(conversation_id)
        self.newest.forget(id)
        try:
            await self.documents.delete(id, base=held.revision, purge=self.purge)
        except ConflictError as error:
            raise ConversationConflict(conversation_id) from error

    async def history(self, head_id: str, limit: int | None) -> list[ConversationEntry]:
        """Read the entries up to one; for a save, which compares them with what it saves."""
        held, chain = await self.chain(head_id, limit)
        large = await self.large_of(held.document_id, chain)
        found = [entry_of(held.document_id, entry, large) for entry in chain]
        call = self.current
        return with_given(found, call.messages) if call else found

    async def chain(
        self, head_id: str, limit: int | None, conversation_id: str | None = None
    ) -> tuple[Held, list[Entry]]:
        """Find the entries up to one, or the last of them, in a conversation that has it, perhaps a certain one."""
        async for held in self.that_may_have(head_id, conversation_id):
            chain = held.chain(head_id, limit)
            if chain is not None:
                return held, chain
        raise KeyError(head_id)

    async def that_may_have(self, entry_id: str, conversation_id: str | None) -> AsyncIterator[Held]:
        """Read conversations that may have an entry, the likely ones first, and at last all of them."""
        call = self.current
        likely = [*call.held, call.document_id] if call else []
        likely += [] if conversation_id is None else [document_id(conversation_id)]
        likely += [document_id(r.conversation_id) for r in self.newest.values() if entry_id in (r.head_id, *r.branches)]
        likely = list(dict.fromkeys(likely))
        for id in likely:
            if held := (call and call.held.get(id)) or await self.read(id):
                yield held
        for id in await self.documents.list():
            if id not in likely and (held := await self.read(id)):
                yield held

    async def large_of(self, id: str, chain: Iterable[Entry]) -> Large:
        """Give the large values of some entries."""
        with OURS.reading(id, "marks"):
            names = names_in(chain)
            found: Large = {name: value for name in names if (value := self.large.get(name)) is not None}
        missing = [name for name in names if name not in found]
        document = await self.documents.load(id, parts=missing) if missing else None
        for name in missing:
            read: Any = document.parts[name] if document else None
            if not isinstance(read, str | bytes):  # the conversation was deleted since
                raise KeyError(name)
            self.large.put(name, read)
            found[name] = read
        return found
