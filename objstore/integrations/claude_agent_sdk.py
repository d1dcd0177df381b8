"""Transcripts of the Claude Agent SDK in a document store: a `SessionStore` with all of its optional methods.

A session is one document. Its main transcript and those of its subagents are parts, so one commit deletes them all,
and the SDK's summary is the part ``summary``, so a listing reads no transcript.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

try:
    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStore,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
        fold_session_summary,
    )
except ImportError as error:
    raise ImportError("claude-agent-sdk is not installed, or too old: pip install 'objstore[claude]'") from error

from ..aio_documents import AsyncDocumentStore
from ..errors import InvalidIdError, InvalidValueError
from .ours import Ours, check_store
from .spelling import named, spelled
from .summaries import summaries
from .turns import Turns
from .values import plain

_MAIN: Final = "transcript"
_SUB: Final = "transcript/"
_SUMMARY: Final = "summary"
_OURS: Final = Ours("session", "the Claude Agent SDK", (_MAIN,))
_PIECE: Final = 64 * 1024
_UUID_LENGTH: Final = 1024  # a longer one might be stored apart, and not be at hand when the next batch comes
_TEXT_FORM: Final = {"uuid", "json"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class ObjstoreSessionStore(SessionStore):
    """Keeps transcripts in a document store, which stays the caller's to close.

    Any number of processes may append to one session: every batch is one atomic commit, and all of them are kept, in
    the order of the commits. An entry whose ``uuid`` the transcript holds already is left out.
    """

    def __init__(self, documents: AsyncDocumentStore) -> None:
        """Keep transcripts in ``documents``. No I/O."""
        check_store(documents, AsyncDocumentStore, "ObjstoreSessionStore")
        self._documents = documents
        self._turns = Turns()

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add a batch to the end of a transcript, without the entries that are there already.

        Raises:
            OutcomeUnknownError: The storage never said whether the batch arrived. To append it again is safe: entries
                with a ``uuid`` are kept once.
            TypeError: An entry is not JSON.
        """
        if not entries:
            return
        taken = [json.loads(json.dumps(entry)) for entry in entries]  # the caller may go on changing them
        async with self._turns.of(_id(key)):
            try:
                await self._append(key, taken, _form)
            except InvalidValueError:  # lone surrogates above all, where a text was cut within a character
                await self._append(key, taken, _text_form)

    async def _append(self, key: SessionKey, entries: list[SessionStoreEntry], form: Callable[[Any], object]) -> None:
        id, part = _id(key), _part(key)

        def add(parts: Mapping[str, Any]) -> dict[str, object] | None:
            _OURS.check(id, parts)
            there = parts.get(part)
            with _OURS.reading(id, part):
                seen = {uuid for uuid in there.each("uuid") if isinstance(uuid, str)} if there else set()
            new = []
            for entry in entries:
                uuid = _uuid(entry)
                if uuid is None or uuid not in seen:
                    new.append(entry)
                if uuid is not None:
                    seen.add(uuid)
            if not new:
                return None
            forms = [form(entry) for entry in new]
            changed: dict[str, object] = {part: there + forms if there else forms}
            if part == _MAIN:
                changed[_SUMMARY] = _folded(parts.get(_SUMMARY), key, new)
            return changed

        await self._documents.update(id, add)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Read a whole transcript; ``None`` where nothing was appended."""
        id, part = _id(key), _part(key)
        document = await self._documents.load(id, parts=[part])
        if document is None:
            return None
        _OURS.check(id, document.names)
        forms: Any = document.parts[part]
        return None if forms is None else _OURS.each(id, part, forms, _entry)

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """List the sessions of a project with the time of the last append to their main transcript."""
        return [{"session_id": s["session_id"], "mtime": s["mtime"]} for s in await self._summaries(project_key)]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """List the summaries of a project's sessions; one with nothing but subagents is none."""
        return await self._summaries(project_key)

    async def _summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        listed = summaries(self._documents, f"{spelled(project_key)}/")
        return [_summary(form, id) async for id, form in listed]

    async def delete(self, key: SessionKey) -> None:
        """Delete a session with its subagents, or with a ``subpath`` only that transcript."""
        part = _part(key)
        if part == _MAIN:
            await self._documents.delete(_id(key))
            return
        document = await self._documents.load(_id(key), parts=())
        if document is not None and part in document.names:
            await self._documents.update(_id(key), lambda _: {part: None})

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """List the subpaths of a session's subagents, in the order of their first entries."""
        document = await self._documents.load(_id(key), parts=())
        names = () if document is None else document.names
        _OURS.check(_id(key), names)
        return [named(name.removeprefix(_SUB)) for name in names if name.startswith(_SUB)]


def _id(key: SessionKey | SessionListSubkeysKey) -> str:
    return f"{spelled(key['project_key'])}/{spelled(key['session_id'])}"


def _part(key: SessionKey) -> str:
    subpath = key.get("subpath")
    if subpath is None:
        return _MAIN
    if not subpath:
        raise InvalidIdError("the subpath is empty; leave it out for the main transcript")
    return _SUB + spelled(subpath, room=None, slashes=True)


# An entry stands in a document as it is. One that a document cannot hold, for a lone surrogate in it, stands as the
# text of its JSON beside its uuid; so does one that looks like that. A summary in such a case, or a long one, stands as
# a list of pieces of its JSON, which are short enough to be at hand without another read.


def _form(entry: Any) -> object:
    return _text_form(entry) if entry.keys() == _TEXT_FORM else entry


def _text_form(entry: Any) -> object:
    return {"uuid": _uuid(entry), "json": json.dumps(entry)}


def _entry(form: Any) -> SessionStoreEntry:
    entry: SessionStoreEntry = json.loads(form["json"]) if form.keys() == _TEXT_FORM else form
    return entry


def _uuid(entry: Any) -> str | None:
    uuid = entry.get("uuid")
    if not isinstance(uuid, str) or not 0 < len(uuid) <= _UUID_LENGTH:
        return None
    return json.dumps(uuid) if _SURROGATE.search(uuid) else uuid


def _summary(form: Any, id: str) -> SessionSummaryEntry:
    with _OURS.reading(id, _SUMMARY):
        is_text = isinstance(form, Sequence) and not isinstance(form, str)
        summary = json.loads("".join(form)) if is_text else plain(form)
    if not isinstance(summary, dict) or "session_id" not in summary:
        raise _OURS.other(id)
    for name, kind in (("session_id", str), ("mtime", int), ("data", dict)):
        if not isinstance(summary.get(name), kind):
            raise _OURS.garbled(id, f"{_SUMMARY}.{name}", f"it is no {kind.__name__}")
    return cast("SessionSummaryEntry", summary)


def _folded(form: Any, key: SessionKey, new: list[SessionStoreEntry]) -> object:
    before = None if form is None else _summary(form, _id(key))
    after = fold_session_summary(before, key, new)
    after["mtime"] = max(time.time_ns() // 1_000_000, before["mtime"] + 1 if before else 0)
    shown = json.dumps(after, ensure_ascii=False)
    if len(shown) <= _PIECE and not _SURROGATE.search(shown):
        return after
    text = json.dumps(after)
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
