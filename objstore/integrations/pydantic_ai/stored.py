"""What a conversation is in a document, and what is read of one; no I/O.

Its parts are ``summary``, the record; ``entries``, the log, in the order in which its entries came; and one part for
each large value of the messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_ai.conversation_store import ConversationEntry, ConversationRecord
from pydantic_ai.messages import ModelMessage

from ...models import Revision
from ..ours import Ours
from ..values import Large, give, plain, take

T = TypeVar("T")

Entry = Mapping[str, Any]
"""An entry as it was taken down."""

RECORD: Final = TypeAdapter(ConversationRecord)
ENTRY: Final = TypeAdapter(ConversationEntry)

OURS: Final = Ours("conversation", "pydantic-ai", ("entries",))


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation as it was read.

    Attributes:
        entries: Its log, each entry behind the one that it points at; perhaps only to look at (`DocumentStore.view`).
    """

    document_id: str
    record: ConversationRecord
    revision: Revision
    entries: Sequence[Entry]

    def chain(self, head_id: str, limit: int | None) -> list[Entry] | None:
        """Give the entries up to one, or the last of them; ``None`` where that one is not here."""
        found: list[Entry] = []
        wanted: str | None = head_id
        at = 0
        with OURS.reading(self.document_id, lambda: f"entries.{at}"):
            at = len(self.entries)
            while at and wanted is not None and len(found) != limit:
                at -= 1
                entry = self.entries[at]
                if id_of(entry) == wanted:
                    found.append(entry if type(entry) is dict else plain(entry))
                    wanted = entry["value"]["parent_id"]
        if not found:
            return None
        if wanted is not None and len(found) != limit:
            raise KeyError(wanted)
        return found[::-1]


def id_of(entry: Entry) -> str:
    """Give the id of an entry."""
    id: str = entry["value"]["id"]
    return id


def stand(id: str, summary: Any) -> tuple[str | None, str | None]:
    """Give the revision and the head that a stored record names."""
    if not summary:
        return None, None
    with OURS.reading(id, "summary"):
        return summary["value"]["revision"], summary["value"]["head_id"]


def record_of(id: str, taken: Entry, large: Large) -> ConversationRecord:
    """Make the record of a conversation of what was taken down of it.

    Raises:
        FormatError: It is not of the form that is known here.
    """
    record = _valid(RECORD, "summary", taken, large, id)
    if record.revision != taken["value"].get("revision"):  # a new one at every look, which nobody could agree with
        raise OURS.garbled(id, "summary.revision", "there is none")
    return record


def entry_of(id: str, taken: Entry, large: Large) -> ConversationEntry:
    """Make an entry of what was taken down of it; see `record_of`."""
    return _valid(ENTRY, "entries", taken, large, id)


def take_entry(entry: ConversationEntry, large: Large) -> dict[str, Any]:
    """Take an entry down."""
    return take(ENTRY.dump_python(entry), f"the message {entry.id}", large)


def with_given(entries: list[ConversationEntry], messages: Sequence[ModelMessage]) -> list[ConversationEntry]:
    """Give entries the messages that are to be saved in their places, as long as both are written alike.

    What comes back may differ from what was saved, so that the message would be taken for another one: a
    `BinaryContent` that is an image becomes a `BinaryImage`, and a tuple a list.
    """
    found: list[ConversationEntry] = []
    for entry, message in zip(entries, messages, strict=False):
        given = replace(entry, message=message)
        if given != entry and take_entry(given, Large()) != take_entry(entry, Large()):
            break
        found.append(given)
    return found + entries[len(found) :]


def _valid(adapter: TypeAdapter[T], part: str, taken: Entry, large: Large, id: str) -> T:
    """Make of what was taken down what it was."""
    with OURS.reading(id, part):
        value = give(taken, large)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise OURS.garbled(id, ".".join(map(str, (part, *found["loc"]))), found["type"]) from None
