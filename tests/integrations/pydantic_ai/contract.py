"""What pydantic-ai documents of a conversation store, clause by clause.

Each test holds one clause of the docstrings of `pydantic_ai.conversation_store`, on the calls that everybody has.
"""

from __future__ import annotations

import hashlib

import pytest
from pydantic_ai import UserError
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict

from tests.integrations.pydantic_ai.branching import OfBranching, OfForking
from tests.integrations.pydantic_ai.conversations import Waiting, begun, said, texts
from tests.integrations.pydantic_ai.primitives import OfPrimitives
from tests.integrations.pydantic_ai.saving import OfLoading, OfSaving


class OfListingAndDeleting:
    """`list_conversations` and `delete`."""

    def test_conversations_are_listed_newest_save_first(self, store: Waiting) -> None:
        first = begun(store, "a")
        begun(store, "b")
        store.save(first)
        assert [found.conversation_id for found in store.list_conversations()] == ["a", "b"]
        assert [found.conversation_id for found in store.list_conversations(limit=1)] == ["a"]

    def test_conversations_are_listed_by_scope(self, store: Waiting) -> None:
        begun(store, "a", scope="one")
        begun(store, "b", scope="two")
        assert [found.conversation_id for found in store.list_conversations(scope="one")] == ["a"]

    def test_a_negative_limit_of_a_list_is_an_error(self, store: Waiting) -> None:
        with pytest.raises(UserError):
            store.list_conversations(limit=-1)

    def test_what_was_deleted_neither_loads_nor_lists(self, store: Waiting) -> None:
        begun(store)
        store.delete("c")
        assert store.load("c") is None
        assert store.load_entries("c") is None
        assert store.list_conversations() == []

    def test_deleting_needs_the_scope(self, store: Waiting) -> None:
        begun(store, scope="one")
        store.delete("c", scope="two")
        assert store.load("c") is not None
        store.delete("c", scope="one")
        assert store.load("c") is None

    def test_deleting_what_is_not_there_does_nothing(self, store: Waiting) -> None:
        store.delete("c")
        begun(store)
        store.delete("c")
        store.delete("c")
        assert store.load("c") is None


IDS = [
    "a", "A", "a/b", "a\\b", "a_b", "a b", "..", ".", "/", "~a", "~", "=", "\n", "%2F", "a/../b", "CON", "a.", "",
    "nul\0", "会话-ü-🚀", "x" * 3000, "é" * 600, "half-\ud83d", "half-\udcff", "summary", "log",
    "%~" + hashlib.sha256(b"x" * 3000).hexdigest(), "%", "%25",
]  # fmt: skip


class OfAnyText:
    """Ids and scopes of any kind are safe."""

    def test_every_id_is_a_conversation_of_its_own(self, store: Waiting) -> None:
        for id in IDS:
            begun(store, id, f"in {IDS.index(id)}")
        for id in IDS:
            assert texts(store.load(id).messages) == [f"in {IDS.index(id)}"]
            assert store.load(id).conversation_id == id
        assert sorted(found.conversation_id for found in store.list_conversations()) == sorted(IDS)
        store.delete(IDS[0])
        assert [id for id in IDS if store.load(id) is None] == IDS[:1]

    def test_every_scope_is_one_of_its_own(self, store: Waiting) -> None:
        for n, scope in enumerate(IDS):
            begun(store, f"c-{n}", scope=scope)
        assert {found.conversation_id: found.scope for found in store.list_conversations()} == {
            f"c-{n}": scope for n, scope in enumerate(IDS)
        }
        for n, scope in enumerate(IDS):
            assert store.load(f"c-{n}", scope=scope) is not None
            assert store.load(f"c-{n}", scope=IDS[n - 1]) is None
        for scope in "a", "", "half-\ud83d":
            assert [found.scope for found in store.list_conversations(scope=scope)] == [scope]


class OfTwoWriters:
    """Two workers on one conversation."""

    def test_of_saves_at_once_one_wins_and_the_others_are_told(self, store: Waiting) -> None:
        begun(store)
        loaded = [store.load("c") for _ in range(8)]
        for n, conversation in enumerate(loaded):
            conversation.messages += said(f"writer {n}")
        outcomes = store.at_once("save", loaded)
        won = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)]
        assert len(won) == 1
        assert all(isinstance(outcome, ConversationConflict) for n, outcome in enumerate(outcomes) if n not in won)
        assert texts(store.load("c").messages) == ["one", "two", f"writer {won[0]}"]

    def test_of_first_saves_at_once_one_wins(self, store: Waiting) -> None:
        new = [Conversation(conversation_id="c", messages=said(f"writer {n}")) for n in range(8)]
        outcomes = store.at_once("save", new)
        (won,) = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)]
        assert texts(store.load("c").messages) == [f"writer {won}"]


class ConversationContract(
    OfPrimitives, OfLoading, OfSaving, OfBranching, OfForking, OfListingAndDeleting, OfAnyText, OfTwoWriters
):
    """All clauses."""


CLAUSES = [name for name in dir(ConversationContract) if name.startswith("test_")]
