"""Conversations of the OpenAI Agents SDK in a document store: a `Session` for its runner.

A session is one document, and its items are one part of that, a list.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, cast

try:
    from agents import SessionSettings, TResponseInputItem
except ImportError as error:
    raise ImportError("openai-agents is not installed, or too old: pip install 'objstore[openai-agents]'") from error

from .. import Document
from ..aio_documents import AsyncDocumentStore
from ..errors import ConflictError, InvalidValueError, NotFoundError
from ..models import Revision
from .ours import Ours, check_store
from .spelling import document_id
from .turns import Turns

_ITEMS: Final = "items"
_POPPED: Final = "popped"
_OURS: Final = Ours("session", "the OpenAI Agents SDK", (_ITEMS,))
_ID_BYTES: Final = 1024
_TEXT_FORM: Final = {"json"}


class ObjstoreSession:
    """A conversation in a document store, which stays the caller's to close.

    Any number of processes may work on one session: every call is one atomic commit, all items that were added are
    kept, those of one call next to each other, and no two callers are given the same item by `pop_item`.

    Attributes:
        session_id: Any text.
        session_settings: What `get_items` goes by where it is given no limit.
    """

    def __init__(
        self,
        session_id: str,
        documents: AsyncDocumentStore,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        """Keep a conversation in ``documents``. No I/O."""
        check_store(documents, AsyncDocumentStore, "ObjstoreSession")
        self.session_id = session_id
        self.session_settings: SessionSettings | None = (
            session_settings
            if isinstance(session_settings, SessionSettings)
            else SessionSettings().resolve(session_settings)
        )
        self._documents = documents
        self._id = document_id(session_id, room=_ID_BYTES, slashes=True)
        self._turns = Turns()

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Read the newest ``limit`` items in their order; all where there is no limit, or a negative one."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit is None or limit < 0:
            items, _ = await self._read(self._documents.load)
            return self._newest(items, len(items))
        try:  # a look copies only what is wanted, and reads no big text of what is not
            items, _ = await self._read(self._documents.view)
            return self._newest(items, limit)
        except _UnreadError:
            items, _ = await self._read(self._documents.load)
            return self._newest(items, limit)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items to the end, all of them or none.

        Raises:
            TypeError: An item is not JSON, or one stands where a list belongs.
            OutcomeUnknownError: The storage never said whether they arrived; look before adding them again.
        """
        if isinstance(items, str | Mapping):  # its keys or letters would be added
            raise TypeError(f"items must be a list, not {type(items).__name__}; give one as [it]")
        if not items:
            return
        taken = [json.loads(json.dumps(item)) for item in items]  # the caller may go on changing them
        async with self._turns.of(self._id):
            try:
                await self._add([_form(item) for item in taken])
            except InvalidValueError:  # lone surrogates above all, where a text was cut within a character
                await self._add([_text_form(item) for item in taken])

    async def _add(self, forms: list[object]) -> None:
        def add(parts: Mapping[str, Any]) -> dict[str, object]:
            return {_ITEMS: self._items(parts, parts) + forms}

        await self._documents.update(self._id, add)

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the newest item away and give it; ``None`` where there is none."""
        popped: list[TResponseInputItem] = []

        def pop(parts: Mapping[str, Any]) -> dict[str, object] | None:
            items = self._items(parts, parts)
            popped[:] = self._newest(items, 1)  # before it is taken away: one that cannot be read is to stay
            return {_ITEMS: items[:-1]} if items else None

        async with self._turns.of(self._id):
            try:
                await self._documents.update(self._id, pop)
            except NotFoundError:
                return None
            except _UnreadError:
                return await self._pop_unread()
        return popped[0] if popped else None

    async def _pop_unread(self) -> TResponseInputItem | None:
        """Take an item with a big text away, which has to be read before it is gone."""
        while True:
            items, revision = await self._read(self._documents.load)
            if not items:
                return None
            (popped,) = self._newest(items, 1)
            # Two that take the same item away agree on what is left, which is no conflict; so each also says who it is.
            left = {_ITEMS: items[:-1], _POPPED: uuid.uuid4().hex}
            try:
                await self._documents.save(self._id, left, base=revision)
            except ConflictError:  # another one was faster
                continue
            return popped

    async def _read(self, read: Callable[..., Awaitable[Document | None]]) -> tuple[Any, Revision | int]:
        document = await read(self._id, parts=[_ITEMS])
        if document is None:
            return [], 0
        return self._items(document.parts, document.names), document.revision

    def _items(self, parts: Mapping[str, Any], names: Collection[str]) -> Any:
        """Give the items that are there, or see that it is something else."""
        _OURS.check(self._id, names)
        items = parts.get(_ITEMS)
        if items is None:
            return []
        if isinstance(items, str) or not isinstance(items, Sequence):
            raise _OURS.other(self._id)
        return items

    def _newest(self, items: Any, count: int) -> list[TResponseInputItem]:
        first = max(len(items) - count, 0)
        return _OURS.each(self._id, _ITEMS, items[first:], lambda item: _item(_plain(item)), first=first)

    async def clear_session(self) -> None:
        """Take all items away."""
        async with self._turns.of(self._id):
            await self._documents.delete(self._id)


# An item stands in a document as it is. One that a document cannot hold, for a lone surrogate in it, stands as the text
# of its JSON; so does one that looks like that.


def _form(item: Any) -> object:
    return _text_form(item) if isinstance(item, dict) and item.keys() == _TEXT_FORM else item


def _text_form(item: Any) -> object:
    return {"json": json.dumps(item)}


def _item(form: Any) -> TResponseInputItem:
    is_text = isinstance(form, dict) and form.keys() == _TEXT_FORM
    return cast("TResponseInputItem", json.loads(form["json"]) if is_text else form)


class _UnreadError(Exception):
    """There is a value in it that was not read."""


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list | str | int | float | None):  # what was loaded is
        return value
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    raise _UnreadError
